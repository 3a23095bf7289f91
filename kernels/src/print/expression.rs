//! Expressions as text, with no more brackets than C needs.

/// The longest text of a value that stands where it is read instead of having a name, in letters.
pub(super) const SHORT: usize = 50;

/// How tightly the outermost operator of an expression binds its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Binds {
    /// Comparisons, choices, bits.
    Loosely,
    /// Sums and differences.
    LikeSums,
    /// Products, quotients, signs.
    LikeProducts,
    /// Names, numbers, calls.
    Tightly,
}

/// An expression.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub text: String,
    binds: Binds,
}

impl Expression {
    pub(super) fn new(binds: Binds, text: String) -> Self {
        Expression { text, binds }
    }

    /// A name, a number or a call.
    pub(super) fn tight(text: impl Into<String>) -> Self {
        Expression { text: text.into(), binds: Binds::Tightly }
    }

    /// A number, with its sign.
    pub(super) fn number(text: String) -> Self {
        let binds = if text.starts_with('-') { Binds::LikeProducts } else { Binds::Tightly };
        Expression { text, binds }
    }

    /// The text as an operand of something that binds so, in brackets if it must be.
    pub(super) fn within(&self, binds: Binds) -> String {
        if self.binds >= binds { self.text.clone() } else { format!("({})", self.text) }
    }

    /// `a + b` and `a - b`: from the left, as they are computed.
    pub(super) fn sum(a: &Self, sign: &str, b: &Self) -> Self {
        let text = format!("{} {sign} {}", a.within(Binds::LikeSums), b.within(Binds::LikeProducts));
        Expression::new(Binds::LikeSums, text)
    }

    /// `a * b` and `a / b`: from the left, as they are computed.
    pub(super) fn product(a: &Self, sign: &str, b: &Self) -> Self {
        let text = format!("{} {sign} {}", a.within(Binds::LikeProducts), b.within(Binds::Tightly));
        Expression::new(Binds::LikeProducts, text)
    }

    /// `a < b` and the like.
    pub(super) fn comparison(a: &Self, sign: &str, b: &Self) -> Self {
        let text = format!("{} {sign} {}", a.within(Binds::LikeSums), b.within(Binds::LikeSums));
        Expression::new(Binds::Loosely, text)
    }

    /// Operators on bits and masks, whose order few know: operands have brackets.
    pub(super) fn of_bits(a: &Self, sign: &str, b: &Self) -> Self {
        let text = format!("{} {sign} {}", a.within(Binds::Tightly), b.within(Binds::Tightly));
        Expression::new(Binds::Loosely, text)
    }

    /// A sign or a cast before an operand.
    pub(super) fn before(sign: &str, a: &Self) -> Self {
        Expression::new(Binds::LikeProducts, format!("{sign}{}", a.within(Binds::Tightly)))
    }
}

#[cfg(test)]
mod tests {
    use super::Expression;

    #[test]
    fn brackets_keep_the_order_of_computing() {
        let [a, b, c] = ["a", "b", "c"].map(Expression::tight);
        let sum = Expression::sum(&b, "-", &c);
        assert_eq!(Expression::sum(&a, "-", &sum).text, "a - (b - c)");
        assert_eq!(Expression::sum(&sum, "-", &a).text, "b - c - a");
        let ratio = Expression::product(&b, "/", &c);
        assert_eq!(Expression::product(&a, "*", &ratio).text, "a * (b / c)");
        assert_eq!(Expression::product(&ratio, "*", &sum).text, "b / c * (b - c)");
        assert_eq!(Expression::sum(&a, "+", &ratio).text, "a + b / c");
        let negative = Expression::before("-", &sum);
        assert_eq!(Expression::before("-", &negative).text, "-(-(b - c))");
        let less = Expression::comparison(&sum, "<", &a);
        assert_eq!(Expression::of_bits(&less, "&", &a).text, "(b - c < a) & a");
    }
}
