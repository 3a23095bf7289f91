//! Why a softmax between two products is not one kernel.

use std::fmt;

/// Why a softmax between two products is lowered as products and a row kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The scores have several axes, or the batch, in the place of the one of the queries.
    QueryAxes,
    /// Scores or probabilities are a result of the function.
    Result,
    /// Something reads scores or probabilities that is neither elementwise, nor a sum over the keys, nor a
    /// product: its name.
    Reader(String),
    /// An elementwise operation gives the scores further axes.
    MoreAxes,
    /// A product of the scores, or one with the probabilities, has other axes than attention has.
    ProductAxes,
    /// The largest score that is subtracted is not that of the exponent, or there are several.
    Maximum,
    /// The probabilities are not the exponents, divided by their sum or not, times factors known beforehand.
    Weights,
    /// The probabilities are multiplied with several sequences of values.
    SeveralValues,
    /// A sum over the keys that is not the one of the softmax, nor one that its gradient needs.
    RowSum,
    /// Not all numbers are 32-bit floats.
    Storage,
    /// What the kernel would read depends on what it gives.
    Circular,
    /// The tiles of a head of this width do not fit into the cache of a core: their bytes.
    Width(usize),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::QueryAxes => write!(f, "the scores have not one axis of queries beside that of the keys"),
            Reason::Result => write!(f, "the scores or the probabilities are a result that is asked for"),
            Reason::Reader(name) => {
                write!(f, "`{name}` reads the scores or the probabilities, so they must be in memory")
            }
            Reason::MoreAxes => write!(f, "an elementwise operation gives the scores further axes"),
            Reason::ProductAxes => write!(f, "a product has other axes than those of attention"),
            Reason::Maximum => write!(f, "what is subtracted from the scores is not their largest"),
            Reason::Weights => {
                write!(f, "the values are not weighted by exponents, or exponents divided by their sum")
            }
            Reason::SeveralValues => write!(f, "the probabilities weight several sequences of values"),
            Reason::RowSum => write!(f, "a sum over the keys is none that a softmax or its gradient needs"),
            Reason::Storage => write!(f, "not all of its numbers are 32-bit floats"),
            Reason::Circular => write!(f, "what it reads depends on what it gives"),
            Reason::Width(bytes) => write!(f, "the tiles of such wide heads take {bytes} bytes"),
        }
    }
}

/// A softmax between two products that is not one kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The line of its exponential, `file:line`; empty where texts are not at hand.
    pub origin: String,
    /// Why.
    pub reason: Reason,
}
