//! The `.arch` language as text: syntax tree with spans, diagnostics and formatter.
//! Nothing here knows what a tensor is.
//!
//! - [`parse()`] and [`parse_bytes`] give a tree and what is wrong with the text, always both.
//! - [`format()`] writes a text in the one style; [`without_spans`] shows that it means the same.
//! - [`render()`] sets diagnostics for people, [`report()`] gives them to programs, [`code_docs`] explains them.
//! - [`nearest()`] proposes the name that was meant.
//!
//! Inside, a text goes from `scan` (tokens, brackets) over `split` (where items, members and statements begin)
//! to `parse` (pest, one fragment at a time); `format` goes the same way as far as `split`.

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
