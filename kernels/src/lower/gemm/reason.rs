//! Why what follows a matrix product is a kernel of its own.

use std::fmt;

/// Why a group of operations that reads the result of a matrix product is not computed with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The product is the library's: it is faster there at this shape.
    Library,
    /// The group reads the result at another place than its own.
    Moved,
    /// The group runs over other axes than rows and columns of the product, or along its rows in parts.
    Axes,
    /// The columns of the product do not lie side by side at the end of its rows.
    Columns,
    /// The group needs something else that is computed from the product.
    Circular,
    /// The group writes over state that it reads.
    State,
    /// The group waits for a product that comes later, and is computed with that one.
    Later,
    /// A product serves one group, and another one was first.
    Taken,
    /// The group reads whole rows, of which a block of a GPU computes a part.
    Rows,
    /// Whole rows of the result do not fit into the cache of a core: the bytes of those computed together.
    Width(usize),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Library => write!(f, "a library computes a product of this shape faster"),
            Reason::Moved => write!(f, "the result is read at another place than the one that is computed"),
            Reason::Axes => {
                write!(f, "what follows runs over other axes than the product's rows and columns")
            }
            Reason::Columns => write!(f, "the columns of the product do not lie side by side"),
            Reason::Circular => {
                write!(f, "what follows also waits for something else that needs the product")
            }
            Reason::State => write!(f, "what follows writes over state that it reads"),
            Reason::Later => write!(f, "what follows waits for a later product and is computed with that"),
            Reason::Taken => write!(f, "something else that follows is computed with the product"),
            Reason::Rows => {
                write!(
                    f,
                    "what follows reads whole rows, and on a GPU no block computes whole rows of a product"
                )
            }
            Reason::Width(bytes) => write!(f, "whole rows of the result take {bytes} bytes at a time"),
        }
    }
}
