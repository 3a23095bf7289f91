//! What programs run on.

pub mod host;
