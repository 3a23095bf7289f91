//! The `.arch` language as text: syntax tree with spans, diagnostics and formatter.
//! Nothing here knows what a tensor is.

pub mod ast;
pub mod diagnostic;
mod parse;
mod scan;
pub mod span;

pub use diagnostic::{Diagnostic, Fact, Label, Severity};
pub use parse::{parse, parse_bytes};
pub use span::{FileId, Sources, Span};
