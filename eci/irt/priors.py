"""Prior scales of the measurement program: plain options, no jax."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from eci.errors import DataError, require_file


@dataclass(frozen=True)
class Priors:
    """Scales of the priors; abilities are N(0, 1), which fixes the logit unit.

    difficulty_j ~ N(m_b, s_b),  m_b ~ N(0, difficulty_mean_sd),  s_b ~ HalfNormal(difficulty_sd_scale)
    log discrimination_j ~ N(m_a, s_a),  m_a ~ N(log_discrimination_mean, log_discrimination_mean_sd),
    s_a ~ HalfNormal(log_discrimination_sd_scale)
    normal, student_t:  sd or scale ~ HalfNormal(noise_sd_scale)
    logit_normal:  sd ~ HalfNormal(logit_sd_scale)
    beta, beta_binomial:  log precision_j ~ N(m_p, s_p),  m_p ~ N(log_precision_mean, log_precision_mean_sd),
    s_p ~ HalfNormal(log_precision_sd_scale)

    Parameters
    ----------
    difficulty_mean_sd
        Logits. Benchmarks are chosen to be neither trivial nor hopeless for the models of their time, so
        their centre lies within a few ability sds of the average model: 2 puts it in (-4, 4).
    difficulty_sd_scale
        Logits. With 2, a benchmark four ability sds above the average model is unremarkable, as are
        benchmarks on which most models score near zero or near one.
    log_discrimination_mean, log_discrimination_mean_sd
        exp(0.5) = 1.6 per ability sd: a model one sd above a benchmark's difficulty is expected to score
        0.84. The sd of 1 lets the typical slope run from 0.2 (nearly flat) to 12 (a step).
    log_discrimination_sd_scale
        With 1, slopes of two benchmarks may differ by a factor of ten, or hardly at all.
    noise_sd_scale
        Fraction. A spread of 0.2 around the curve would make the index useless; published scores repeat
        to within 0.02 to 0.1.
    logit_sd_scale
        Logits. At a score of one half a logit is four times a fraction, so 0.8 is the same spread as 0.2.
    log_precision_mean, log_precision_mean_sd, log_precision_sd_scale
        exp(3) = 20 corresponds to a spread of 0.11 at a score of one half.

    Notes
    -----
    `eci.simulate` draws from these priors; `docs/model.md` shows the scores they imply.
    """

    difficulty_mean_sd: float = 2.0
    difficulty_sd_scale: float = 2.0
    log_discrimination_mean: float = 0.5
    log_discrimination_mean_sd: float = 1.0
    log_discrimination_sd_scale: float = 1.0
    noise_sd_scale: float = 0.2
    logit_sd_scale: float = 0.8
    log_precision_mean: float = 3.0
    log_precision_mean_sd: float = 1.0
    log_precision_sd_scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse scales that are not positive and finite numbers."""
        for field in fields(self):
            value = getattr(self, field.name)
            is_location = field.name in {"log_discrimination_mean", "log_precision_mean"}
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not abs(value) < float("inf") or (not is_location and value <= 0):
                kind = "finite" if is_location else "positive finite"
                raise DataError(
                    f"Prior {field.name} = {value!r} is not a {kind} number. The default is {field.default}."
                )

    def as_dict(self) -> dict[str, float]:
        """Return the scales by name."""
        return asdict(self)

    @classmethod
    def from_toml(cls, path: str | Path) -> Priors:
        """Read scales from a TOML file of `name = number` lines; names left out keep their default.

        Raises
        ------
        DataError
            Where the file cannot be read, is not TOML, or names a prior that does not exist.
        """
        require_file(path, "The priors file", "Name a TOML file with lines such as noise_sd_scale = 0.2.")
        try:
            values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"The priors file {path} cannot be read as TOML: {error}.") from error
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise DataError(
                f"The priors file {path} names {', '.join(unknown)}, which is no prior. "
                f"Known: {', '.join(sorted(known))}."
            )
        return cls(**values)
