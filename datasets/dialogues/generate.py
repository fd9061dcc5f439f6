"""Conversations with the customer service of a shop. What the last reply must say was told several turns before.

The first message, the system's, holds the shop's hours, how long things may be sent back, and its two orders under way.
The customer says once who they are and which order is theirs; everything after refers to it without saying it again.
"""

import random

FORMAT = "jsonl"
SEED = 20245
ROWS = {"train": 480, "valid": 60, "test": 120}

SHOPS = ("Alder Books", "Birch and Sons", "Cedar Lamps", "Elm Corner", "Hazel Home", "Linden Shop", "Maple Store", "Willow Ltd")
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hans", "Iris", "Jon", "Kim", "Leo", "Mia", "Nora", "Otto", "Pia")
THINGS = ("bag", "book", "chair", "clock", "desk", "kettle", "lamp", "mirror", "radio", "rug", "shelf", "table")
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")

GREETINGS = (
    "Hello, I am {name}, order {number}.", "Good day, this is {name}. I ordered {number}.", "Hi, {name} here, about {number}.",
)
CORRECTIONS = ("Sorry, I meant {number}.", "I was wrong, it is {number}.", "No, my order is {number}.")
ARRIVALS = ("When will it come?", "Where is my order?", "Has it been sent?")
RETURNS = ("Can I send it back?", "May I return it?", "I want to return it.")
READ_BACK = ("What do you have on me?", "Please read my order back to me.", "Which order is mine?")


def splits():
    """{"train": rows, ...}; a row is {"messages": [{"role": ..., "content": ...}, ...], "level": 1, 2 or 3}."""
    rng = random.Random(SEED)
    seen = set()
    return {split: [new_dialogue(rng, i % 3 + 1, seen) for i in range(n)] for split, n in ROWS.items()}


def new_dialogue(rng, level, seen):
    """A dialogue with the words of no earlier one."""
    while True:
        turns = dialogue(rng, level)
        text = " ".join(turns)
        if text not in seen:
            seen.add(text)
            roles = ["system"] + ["user", "assistant"] * (len(turns) // 2)
            messages = [{"role": role, "content": content} for role, content in zip(roles, turns, strict=True)]
            return {"messages": messages, "level": level}


def dialogue(rng, level):
    """The system's message, then what the customer says and what is right to answer, by turns.

    Level 1: the order is named right before the last question. 2: one or two questions about the hours lie between. 3: the
    customer named the wrong order first, and the hours lie between the correction and the last question.
    """
    shop = draw_shop(rng)
    name, (mine, other) = pick(rng, NAMES), some(rng, shop["orders"], 2)
    first = other if level == 3 else mine
    turns = [about(shop), pick(rng, GREETINGS).format(name=name, number=first["number"])]
    turns.append(f"Hello {name}, your {first['thing']}. What can I do?")
    if level == 3:
        turns += [pick(rng, CORRECTIONS).format(number=mine["number"]), f"Thank you, then it is the {mine['thing']}."]
    for _ in range(0 if level == 1 else 1 if level == 3 or rng.random() < 0.5 else 2):
        turns += hours(rng, shop)
    kind = rng.random()
    if kind < 0.4:
        return [*turns, pick(rng, ARRIVALS), arrival(name, mine)]
    if kind < 0.8:
        return [*turns, pick(rng, RETURNS), sending_back(name, mine, shop["window"])]
    return [*turns, pick(rng, READ_BACK), f"Order {mine['number']}, the {mine['thing']}, for {name}."]


def draw_shop(rng):
    numbers, things = some(rng, range(1000, 10000), 2), some(rng, THINGS, 2)
    orders = []
    for number, thing in zip(numbers, things, strict=True):
        # A thing is on its way, or it came some days ago: before or after the end of any time for returns.
        comes = pick(rng, WEEK) if rng.random() < 0.4 else None
        orders.append({"number": number, "thing": thing, "comes": comes, "came": 3 + int(rng.random() * 57)})
    opens, saturday = 8 + int(rng.random() * 3), 9 + int(rng.random() * 2)
    return {
        "name": pick(rng, SHOPS), "orders": orders, "window": pick(rng, (14, 30, 45)),
        "week": (opens, opens + 8 + int(rng.random() * 2)), "saturday": (saturday, saturday + 3 + int(rng.random() * 3)),
    }


def about(shop):
    states = [f"comes {order['comes']}" if order["comes"] else f"came {order['came']} days ago" for order in shop["orders"]]
    orders = ", ".join(
        f"{order['number']} {order['thing']} {state}" for order, state in zip(shop["orders"], states, strict=True)
    )
    (opens, closes), (early, late) = shop["week"], shop["saturday"]
    return (
        f"{shop['name']}. Open Monday to Friday {opens} to {closes}, Saturday {early} to {late}. "
        f"Returns: {shop['window']} days. Orders: {orders}."
    )


def hours(rng, shop):
    """A question about a day and an hour, and the answer."""
    day = pick(rng, (pick(rng, WEEK), "Saturday", "Sunday"))
    hour = 8 + int(rng.random() * 11)
    question = f"Are you open on {day} at {hour}?"
    if day == "Sunday":
        return question, "No, on Sunday we are closed."
    opens, closes = shop["saturday" if day == "Saturday" else "week"]
    return question, f"{'Yes' if opens <= hour < closes else 'No'}, on {day} we are open from {opens} to {closes}."


def arrival(name, order):
    if order["comes"]:
        return f"The {order['thing']} comes on {order['comes']}, {name}."
    return f"The {order['thing']} came {order['came']} days ago, {name}."


def sending_back(name, order, window):
    if order["comes"]:
        return f"Yes, {name}, you have {window} days once the {order['thing']} has come."
    if order["came"] <= window:
        return f"Yes, {name}, the {order['thing']} came {order['came']} days ago, you have {window}."
    return f"No, {name}, the {order['thing']} came {order['came']} days ago, you had {window}."


def some(rng, items, n):
    """n different ones, in random order."""
    left = list(items)
    return [left.pop(int(rng.random() * len(left))) for _ in range(n)]


def pick(rng, items):
    # Only random() promises the same numbers in every version of Python; choice() does not.
    return items[int(rng.random() * len(items))]
