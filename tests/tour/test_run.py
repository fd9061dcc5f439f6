"""The whole tour, with a few steps of training: it ends with its page, and goes on where it was stopped."""

import argparse
import json

import pytest

from tinyllm.tour import run

pytestmark = pytest.mark.slow
pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")
pytest.importorskip("safetensors")


class Tiny(run.Size):
    def __init__(self, quick):
        self.causal_steps, self.masked_steps, self.masked_layers, self.labels = 25, 25, 1, {8: 4}


def test_ends_with_its_page_and_goes_on_where_it_was_stopped(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "Size", Tiny)
    args = argparse.Namespace(out=str(tmp_path / "a tour"), quick=True)

    with monkeypatch.context() as stopped:
        def interrupt(tour, work=run.Tour.pretrain_masked):
            work(tour)                                                              # there is a checkpoint to go on from
            raise KeyboardInterrupt

        stopped.setattr(run.Tour, "pretrain_masked", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run.main(args)
    before = json.loads((tmp_path / "a tour" / "results.json").read_text())
    assert "language" in before and "masked" not in before

    run.main(args)
    out = capsys.readouterr().out
    assert "going on with the tour" in out and "report.html" in out
    after = json.loads((tmp_path / "a tour" / "results.json").read_text())
    assert after["language"]["curve"] == before["language"]["curve"]              # not trained again
    assert set(after["seconds"]) == set(run.Tour(tmp_path / "other", True).steps())
    page = (tmp_path / "a tour" / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 5

    tour = run.Tour(tmp_path / "a tour", True)                                    # a finished tour is begun anew
    assert "language" not in tour.results and not (tmp_path / "a tour" / "causal").exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"the tour's folder .* cannot be written to"):
        run.Tour(tmp_path / "file" / "tour", True)
