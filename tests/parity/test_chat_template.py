"""Chat templates against Transformers' rendering, on templates in the manners of those that come with models."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.utils.chat_template_utils import render_jinja_template

from tinyllm.generation import PLAIN, ChatTemplate

TURNS = """\
{{ bos_token }}{% if messages[0]['role'] == 'system' %}
    {%- set system = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set system = '' %}{%- set rest = messages %}
{%- endif %}
{% for message in rest %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('Roles must take turns') }}
    {% endif %}
    {% if message['role'] == 'user' %}
        {{ '[INST] ' + (system if loop.first else '') + message['content'].strip() + ' [/INST]' }}
    {% else %}
        {% generation %}{{ ' ' ~ message['content'] | trim ~ ' ' ~ eos_token }}{% endgeneration %}
    {% endif %}
{% endfor %}
"""
HEADERS = """\
{%- macro header(role) -%}<|{{ role }}|>
{% endmacro -%}
{%- set ns = namespace(found=false, length=0) -%}
{#- what a loop finds leaves it through a namespace -#}
{%- for message in messages if message.content is string -%}
    {%- if message.role == "system" %}{% set ns.found = true %}{% endif -%}
    {%- if loop.index > 5 %}{% break %}{% endif -%}
    {{- header(message.role) }}
    {{- message.content.replace("a", "ä") | upper if loop.last else message.content + "." }}
    {%- set ns.length = ns.length + message.content | length * 2 -%}
    {{- "{:>4}|".format(loop.revindex) }}{{ loop.length }}{{ loop.previtem.role if loop.previtem is defined }}
{% endfor -%}
{{ ns.found }} {{ ns.length ** 2 }} {{ messages | map(attribute="role") | unique | list | tojson(indent=1) }}
{{ {"a": [1.5, true, none, "<é>"]} | tojson }}{{ dict(a=1).items() | list }}{{ tools is none }}
{%- if add_generation_prompt %}
{{ header("assistant") }}{{ strftime_now("%Y") }}
{%- endif -%}
"""
SOURCES = {"plain": PLAIN, "turns": TURNS, "headers": HEADERS}
TEXT = st.text("ab <é\n{%}'\"", max_size=9)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), TEXT), min_size=1, max_size=7), st.booleans())
def test_the_same_text_or_the_same_refusal(source, turns, prompt):
    messages = [{"role": role, "content": content} for role, content in turns]
    signs = {"bos_token": "<s>", "eos_token": "</s>"}
    try:
        (expected,), _ = render_jinja_template(
            [messages], chat_template=source, add_generation_prompt=prompt, **signs
        )
    except Exception as error:
        with pytest.raises(ValueError, match="refuses these messages") as ours:
            ChatTemplate(source, **signs).render(messages, prompt)
        assert str(error) in str(ours.value)
    else:
        assert ChatTemplate(source, **signs).render(messages, prompt) == expected
        assert source is not HEADERS or not prompt or str(datetime.now().year) in expected
