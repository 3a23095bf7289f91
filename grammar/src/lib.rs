//! The `.arch` language as text: syntax tree with spans, diagnostics and formatter.
//! Nothing here knows what a tensor is.

pub mod ast;
mod codes;
pub mod diagnostic;
mod format;
mod nearest;
mod parse;
mod render;
mod report;
mod scan;
mod source;
pub mod span;
mod spanless;
mod split;
mod stack;

pub use codes::code_docs;
pub use diagnostic::{Diagnostic, Fact, Label, Severity};
pub use format::format;
pub use nearest::nearest;
pub use parse::{parse, parse_bytes};
pub use render::render;
pub use report::{Location, Report, report};
pub use span::{FileId, Sources, Span};
pub use spanless::without_spans;
