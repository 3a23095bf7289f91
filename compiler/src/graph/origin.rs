//! Where a node comes from: a place of a text, and the rules that chose it in place of what stands there.

use arch_grammar::Span;

/// Rules as a set, by their places in [`crate::fuse::all_rules`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rules(u64);

impl Rules {
    /// How many rules there may be.
    pub const MOST: usize = 64;

    /// No rule: what is computed is what was written.
    pub const NONE: Rules = Rules(0);

    /// One rule.
    #[must_use]
    pub const fn one(place: usize) -> Rules {
        Rules(1 << place)
    }

    /// The rules of both.
    #[must_use]
    pub const fn and(self, other: Rules) -> Rules {
        Rules(self.0 | other.0)
    }

    /// Whether a rule is among them.
    #[must_use]
    pub const fn has(self, place: usize) -> bool {
        self.0 & (1 << place) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Where a node comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Where it was written; what the compiler made keeps the place that it was made for.
    pub span: Span,
    /// The rules that chose it. What is derived of it, as its gradient is, has them, too.
    pub rules: Rules,
}

impl Origin {
    /// Whether it stands in a text.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.span.end > 0
    }

    /// The same, with more rules.
    #[must_use]
    pub fn by(self, rules: Rules) -> Origin {
        Origin { rules: self.rules.and(rules), ..self }
    }
}

impl From<Span> for Origin {
    fn from(span: Span) -> Self {
        Origin { span, rules: Rules::NONE }
    }
}
