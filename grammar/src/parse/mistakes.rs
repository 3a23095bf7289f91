//! From where pest stopped to what is wrong, in our own words.

use super::Rule;
use super::fragment::{Fragment, Source};
use crate::diagnostic::Diagnostic;

/// What is wrong with a fragment that `rule` does not accept.
pub fn explain(
    source: &Source,
    fragment: &Fragment,
    _rule: Rule,
    error: &pest::error::Error<Rule>,
) -> Diagnostic {
    let position = match error.parse_attempts() {
        Some(attempts) => attempts.max_position,
        None => match error.location {
            pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => at,
        },
    };
    match fragment.token_at(source, position) {
        Some(index) => Diagnostic::error(
            "A0026",
            format!("unexpected `{}`", source.word(index)),
            source.span(index, index + 1),
        ),
        None => Diagnostic::error("A0026", "unexpected end", source.behind(fragment.range.1 - 1)),
    }
}

/// What stands at `index` begins no item.
pub fn no_item(source: &Source, index: usize) -> Diagnostic {
    Diagnostic::error(
        "A0017",
        format!("`{}` begins no item", source.word(index)),
        source.span(index, index + 1),
    )
}

/// An `edition` or `import` that stands too late.
pub fn out_of_order(source: &Source, part: (usize, usize), _again: bool) -> Diagnostic {
    Diagnostic::error(
        "A0015",
        format!("`{}` stands too late", source.word(part.0)),
        source.span(part.0, part.1),
    )
}
