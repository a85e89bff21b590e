"""Low logit rank, executable: exact models, oracles, learners and distances.

>>> import llr
>>> model = llr.target("parity:n=4,secret=1011,nu=1/10")
>>> result = llr.learn(model, epsilon="0.05", delta="0.05", seed=1)
>>> result.accepted, llr.total_variation(model, result.model).enclosure.upper
(True, Fraction(0, 1))
"""

from llr.analysis.distance import kl_divergence, total_variation
from llr.errors import InputError, LlrError, OracleError, TooLargeError, UndecidedError
from llr.learning.api import LearnResult, learn
from llr.models.base import LanguageModel, TabulatedModel, UniformModel
from llr.models.isan import Isan
from llr.models.logits import cut_ranks, logit_matrix, mixed_rank, probability_ranks
from llr.models.markov import HiddenMarkovModel
from llr.models.realization import realize
from llr.numbers.units import NAT, LogitUnit
from llr.storage import load, save, target

__version__ = "0.1.0"

__all__ = [
    "NAT",
    "HiddenMarkovModel",
    "InputError",
    "Isan",
    "LanguageModel",
    "LearnResult",
    "LlrError",
    "LogitUnit",
    "OracleError",
    "TabulatedModel",
    "TooLargeError",
    "UndecidedError",
    "UniformModel",
    "cut_ranks",
    "kl_divergence",
    "learn",
    "load",
    "logit_matrix",
    "mixed_rank",
    "probability_ranks",
    "realize",
    "save",
    "target",
    "total_variation",
]
