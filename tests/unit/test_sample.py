"""When chains go on, when they do not, and how a chain that fails ends the others."""

import numpy as np
import pytest

import eci
from eci.fitted import Check
from eci.inference import sample as sample_module
from eci.inference.chains import run_chains

FEW = {"n_draws": 60, "max_halvings": 0}  # too few for the checks


def n_draws(fit):
    return len(fit.draws.ability) // fit.n_chains


@pytest.mark.parametrize("n_extensions", [0, 2])
def test_chains_go_on_while_a_check_fails(small_matrix, n_extensions):
    method = eci.Nuts(**FEW, max_extensions=n_extensions)
    fit = eci.fit(small_matrix, method=method, likelihood="normal")
    assert not fit.diagnostics.ok
    assert n_draws(fit) == 60 * (1 + n_extensions)


def test_they_do_not_where_a_value_is_no_number(monkeypatch, small_matrix):
    broken = Check("ess_bulk_index", np.nan, 400.0, False, "", "")
    monkeypatch.setattr("eci.inference.run.check_convergence", lambda *_: (broken,))
    fit = eci.fit(small_matrix, method=eci.Nuts(**FEW), likelihood="normal")
    assert n_draws(fit) == 60


def test_a_kernel_that_cannot_go_on_leaves_a_fit_that_says_so(monkeypatch, small_matrix):
    """As NumPyro's; the draws are kept, whatever the checks say."""

    def without_states(*args, **options):
        return run_chains(*args, **options)._replace(states=())

    monkeypatch.setattr(sample_module, "run_numpyro", without_states)
    fit = eci.fit(small_matrix, method=eci.Nuts(**FEW, kernel="numpyro"), likelihood="normal")
    assert n_draws(fit) == 60
    assert "ess_bulk_index" in {check.name for check in fit.diagnostics.failed}


def test_a_chain_that_fails_stops_the_others(small_matrix):
    """Of 4 x 9 pieces, those that are under way are finished and no more are begun."""
    calls = []

    def cancel(stage, *_):
        if stage == "sampling":
            calls.append(stage)
            if len(calls) == 2:
                raise RuntimeError("cancelled")

    method = eci.Nuts(n_draws=2000, max_extensions=0)
    with pytest.raises(RuntimeError, match="cancelled"):
        eci.fit(small_matrix, method=method, likelihood="normal", progress=cancel)
    assert 2 <= len(calls) <= 10
