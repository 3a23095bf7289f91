//! Index expressions in a canonical form: a constant and a sum of scaled atoms.
//!
//! The canonical form is what makes views cheap: taking apart what was just flattened gives the original
//! variables back, so `flatten` and `unflatten` leave no division in the kernel.

use super::{IndexVar, Scalar};

/// `constant + sum(scale * atom)`; atoms are different, in order, and no scale is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index {
    /// The part that does not vary.
    pub constant: i64,
    /// The atoms with their scales.
    pub terms: Vec<(Atom, i64)>,
}

/// What an index is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    /// A loop's variable.
    Var(IndexVar),
    /// A loaded integer.
    Data(Scalar),
    /// Quotient by a positive number; the dividend is never negative.
    Div(Box<Index>, i64),
    /// Remainder by a positive number; the dividend is never negative.
    Mod(Box<Index>, i64),
    /// Moved into `low..=high`.
    Clamp(Box<Index>, i64, i64),
}

/// Smallest and largest value of an index, where known. Batch loops have no known end.
pub type Range = Option<(i64, i64)>;

impl Index {
    /// A number.
    #[must_use]
    pub fn constant(value: i64) -> Self {
        Index { constant: value, terms: Vec::new() }
    }

    /// A loop's variable.
    #[must_use]
    pub fn var(var: IndexVar) -> Self {
        Index::atom(Atom::Var(var))
    }

    /// One atom.
    #[must_use]
    pub fn atom(atom: Atom) -> Self {
        Index { constant: 0, terms: vec![(atom, 1)] }
    }

    /// The sum of this and `scale * other`.
    #[must_use]
    pub fn plus(&self, other: &Index, scale: i64) -> Self {
        let mut sum = self.clone();
        sum.constant += other.constant * scale;
        for (atom, s) in &other.terms {
            match sum.terms.binary_search_by(|t| t.0.cmp(atom)) {
                Ok(at) => {
                    sum.terms[at].1 += s * scale;
                    if sum.terms[at].1 == 0 {
                        sum.terms.remove(at);
                    }
                }
                Err(at) if s * scale != 0 => sum.terms.insert(at, (atom.clone(), s * scale)),
                Err(_) => {}
            }
        }
        sum
    }

    /// This, `scale` times.
    #[must_use]
    pub fn times(&self, scale: i64) -> Self {
        Index::default().plus(self, scale)
    }

    /// This and a number.
    #[must_use]
    pub fn offset(&self, by: i64) -> Self {
        let mut moved = self.clone();
        moved.constant += by;
        moved
    }

    /// The quotient by `by`, given the ranges of variables. The dividend must not be negative.
    #[must_use]
    pub fn div(&self, by: i64, extent: &dyn Fn(IndexVar) -> Option<i64>) -> Self {
        if by == 1 {
            return self.clone();
        }
        let (whole, rest) = self.split(by);
        match rest.range(extent) {
            Some((low, high)) if low >= 0 && high < by => whole,
            _ => Index::atom(Atom::Div(Box::new(self.clone()), by)),
        }
    }

    /// The remainder by `by`, given the ranges of variables. The dividend must not be negative.
    #[must_use]
    pub fn modulo(&self, by: i64, extent: &dyn Fn(IndexVar) -> Option<i64>) -> Self {
        if by == 1 {
            return Index::constant(0);
        }
        let (_, rest) = self.split(by);
        match rest.range(extent) {
            Some((low, high)) if low >= 0 && high < by => rest,
            _ => Index::atom(Atom::Mod(Box::new(self.clone()), by)),
        }
    }

    /// This moved into `low..=high`; itself if it is always there.
    #[must_use]
    pub fn clamped(&self, low: i64, high: i64, extent: &dyn Fn(IndexVar) -> Option<i64>) -> Self {
        match self.range(extent) {
            Some((l, h)) if l >= low && h <= high => self.clone(),
            _ => Index::atom(Atom::Clamp(Box::new(self.clone()), low, high)),
        }
    }

    /// The quotient of the terms that `by` divides, and everything else.
    pub(crate) fn split(&self, by: i64) -> (Index, Index) {
        let mut whole = Index::constant(self.constant.div_euclid(by));
        let mut rest = Index::constant(self.constant.rem_euclid(by));
        for (atom, scale) in &self.terms {
            if scale % by == 0 {
                whole.terms.push((atom.clone(), scale / by));
            } else {
                rest.terms.push((atom.clone(), *scale));
            }
        }
        (whole, rest)
    }

    /// The smallest and largest value.
    pub fn range(&self, extent: &dyn Fn(IndexVar) -> Option<i64>) -> Range {
        let mut range = (self.constant, self.constant);
        for (atom, scale) in &self.terms {
            let (low, high) = match atom {
                Atom::Var(v) => (0, extent(*v)? - 1),
                Atom::Data(_) => return None,
                Atom::Div(inner, by) => {
                    let (low, high) = inner.range(extent)?;
                    (low.div_euclid(*by), high.div_euclid(*by))
                }
                Atom::Mod(_, by) => (0, by - 1),
                Atom::Clamp(_, low, high) => (*low, *high),
            };
            let ends = (low * scale, high * scale);
            range = (range.0 + ends.0.min(ends.1), range.1 + ends.0.max(ends.1));
        }
        Some(range)
    }

    /// The same, with a quotient and the remainder beside it put together again: `n * (i / n) + i % n` is `i`.
    #[must_use]
    pub fn rejoined(&self) -> Self {
        for (atom, scale) in &self.terms {
            let Atom::Mod(inner, by) = atom else { continue };
            let quotient = inner.div(*by, &|_| None);
            let [(whole, 1)] = quotient.terms.as_slice() else { continue };
            if quotient.constant == 0 && self.terms.contains(&(whole.clone(), scale * by)) {
                let mut rest = self.clone();
                rest.terms.retain(|(a, _)| a != atom && a != whole);
                return rest.plus(inner, *scale).rejoined();
            }
        }
        self.clone()
    }

    /// By how much this grows with `var`: `None` if not evenly.
    #[must_use]
    pub fn stride(&self, var: IndexVar) -> Option<i64> {
        let mut stride = 0;
        for (atom, scale) in &self.terms {
            match atom {
                Atom::Var(v) if *v == var => stride = *scale,
                Atom::Var(_) | Atom::Data(_) => {}
                Atom::Div(inner, _) | Atom::Mod(inner, _) | Atom::Clamp(inner, _, _) => {
                    if inner.mentions(var) {
                        return None;
                    }
                }
            }
        }
        Some(stride)
    }

    /// By how much this grows from one lane of a vector to the next, where `var` counts lanes and is a multiple of `lanes` in
    /// the first of them: `None` if not evenly. No vector crosses from one row of an axis to the next if rows are whole
    /// vectors, so a quotient by such a row is the same in all lanes, and a remainder grows like what it is the remainder of.
    #[must_use]
    pub fn lane_stride(&self, var: IndexVar, lanes: i64) -> Option<i64> {
        let mut stride = 0;
        for (atom, scale) in &self.terms {
            match atom {
                Atom::Var(v) if *v == var => stride += scale,
                Atom::Var(_) | Atom::Data(_) => {}
                Atom::Div(inner, by) => {
                    inner.step_within(var, lanes, *by)?;
                }
                Atom::Mod(inner, by) => stride += scale * inner.step_within(var, lanes, *by)?,
                Atom::Clamp(inner, _, _) if inner.mentions(var) => return None,
                Atom::Clamp(..) => {}
            }
        }
        Some(stride)
    }

    /// How this grows from lane to lane, if all lanes of a vector have the same quotient by `by`.
    fn step_within(&self, var: IndexVar, lanes: i64, by: i64) -> Option<i64> {
        let step = self.lane_stride(var, lanes)?;
        if step == 0 {
            return Some(0);
        }
        let vector = step * lanes;
        let is_whole = |(atom, scale): &(Atom, i64)| match atom {
            Atom::Var(v) if *v == var => *scale == step,
            _ => scale % vector == 0,
        };
        let fits = step > 0 && by % vector == 0 && self.constant % vector == 0;
        (fits && self.terms.iter().all(is_whole)).then_some(step)
    }

    /// Whether the variable occurs.
    #[must_use]
    pub fn mentions(&self, var: IndexVar) -> bool {
        self.vars().contains(&var)
    }

    /// All loop variables in it.
    #[must_use]
    pub fn vars(&self) -> Vec<IndexVar> {
        let mut vars = Vec::new();
        self.visit(&mut |atom| {
            if let Atom::Var(v) = atom {
                vars.push(*v);
            }
        });
        vars
    }

    /// All loaded integers in it.
    #[must_use]
    pub fn data(&self) -> Vec<Scalar> {
        let mut data = Vec::new();
        self.visit(&mut |atom| {
            if let Atom::Data(s) = atom {
                data.push(*s);
            }
        });
        data
    }

    fn visit(&self, see: &mut dyn FnMut(&Atom)) {
        for (atom, _) in &self.terms {
            see(atom);
            if let Atom::Div(inner, _) | Atom::Mod(inner, _) | Atom::Clamp(inner, _, _) = atom {
                inner.visit(see);
            }
        }
    }

    /// This without its term in `var`: what is left where `var` is zero. `var` must stand by itself.
    #[must_use]
    pub fn without(&self, var: IndexVar) -> Self {
        let mut rest = self.clone();
        rest.terms.retain(|(atom, _)| *atom != Atom::Var(var));
        rest
    }

    /// What is left where `var` is zero, within quotients and remainders as well.
    #[must_use]
    pub fn at_zero(&self, var: IndexVar) -> Self {
        let mut rest = Index::constant(self.constant);
        for (atom, scale) in &self.terms {
            let known = |inner: &Index, of: &dyn Fn(i64) -> i64, atom: &dyn Fn(Box<Index>) -> Atom| {
                let inner = inner.at_zero(var);
                match inner.terms.is_empty() {
                    true => Index::constant(of(inner.constant)),
                    false => Index::atom(atom(Box::new(inner))),
                }
            };
            let left = match atom {
                Atom::Var(v) if *v == var => continue,
                Atom::Var(_) | Atom::Data(_) => Index::atom(atom.clone()),
                Atom::Div(inner, by) => known(inner, &|n| n / by, &|i| Atom::Div(i, *by)),
                Atom::Mod(inner, by) => known(inner, &|n| n % by, &|i| Atom::Mod(i, *by)),
                Atom::Clamp(inner, low, high) => {
                    known(inner, &|n| n.clamp(*low, *high), &|i| Atom::Clamp(i, *low, *high))
                }
            };
            rest = rest.plus(&left, *scale);
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_apart_what_was_flattened_gives_the_variables_back() {
        let (a, b) = (IndexVar(0), IndexVar(1));
        let extent = |v: IndexVar| Some(if v == a { 5 } else { 7 });
        let flat = Index::var(a).times(7).plus(&Index::var(b), 1);
        assert_eq!(flat.div(7, &extent), Index::var(a));
        assert_eq!(flat.modulo(7, &extent), Index::var(b));
        assert!(matches!(flat.div(5, &extent).terms[0].0, Atom::Div(..)));
    }

    #[test]
    fn a_variable_is_zero_wherever_it_stands() {
        let (a, b) = (Index::var(IndexVar(0)), Index::var(IndexVar(1)));
        let unknown = |_: IndexVar| None;
        let sum = a.times(3).plus(&b, 1).offset(10);
        let whole = sum.div(4, &unknown).plus(&a.offset(9).modulo(4, &unknown), 2).plus(&a, 5);
        assert_eq!(whole.at_zero(IndexVar(0)), b.offset(10).div(4, &unknown).offset(2));
        assert_eq!(a.offset(-3).clamped(0, 7, &unknown).at_zero(IndexVar(0)), Index::constant(0));
    }

    #[test]
    fn a_place_that_was_taken_apart_is_put_together() {
        let unknown = |_: IndexVar| None;
        let row = Index::var(IndexVar(0)).times(6).plus(&Index::var(IndexVar(1)), 1);
        let (sample, token) = (row.div(16, &unknown), row.modulo(16, &unknown));
        let (high, wide) = (token.div(4, &unknown), token.modulo(4, &unknown));
        let flat = sample.times(48).plus(&high.times(12).plus(&wide, 3), 1);
        assert_eq!(flat.rejoined(), row.times(3));
        // Another step from token to token: nothing fits together.
        let apart = sample.times(50).plus(&token, 3);
        assert_eq!(apart.rejoined(), apart);
    }

    /// The value of an index, given those of its variables.
    fn value(index: &Index, of: &dyn Fn(IndexVar) -> i64) -> i64 {
        let term = |(atom, scale): &(Atom, i64)| {
            let atom = match atom {
                Atom::Var(v) => of(*v),
                Atom::Data(_) => unreachable!("nothing is loaded here"),
                Atom::Div(inner, by) => value(inner, of) / by,
                Atom::Mod(inner, by) => value(inner, of) % by,
                Atom::Clamp(inner, low, high) => value(inner, of).clamp(*low, *high),
            };
            atom * scale
        };
        index.constant + index.terms.iter().map(term).sum::<i64>()
    }

    #[test]
    fn a_quotient_by_whole_vectors_is_the_same_in_all_lanes() {
        let (row, column) = (IndexVar(0), IndexVar(1));
        let unknown = |_: IndexVar| None;
        let flat = Index::var(row).times(48).plus(&Index::var(column), 1);
        for by in 1..100 {
            let (high, low) = (flat.div(by, &unknown), flat.modulo(by, &unknown));
            let both = high.times(5).plus(&low, 3);
            let moved = flat.offset(3).div(by, &unknown);
            let even = Index::var(column).times(2).div(by, &unknown);
            for index in [&high, &low, &both, &moved, &even] {
                let Some(stride) = index.lane_stride(column, 8) else { continue };
                for (place, lane) in (0..4 * 6).flat_map(|place| (1..8).map(move |lane| (place, lane))) {
                    let at = |lane: i64| {
                        value(index, &|v| if v == row { place / 6 } else { place % 6 * 8 + lane })
                    };
                    assert_eq!(at(lane) - at(lane - 1), stride, "{index:?}");
                }
            }
            assert_eq!(high.lane_stride(column, 8) == Some(0), by % 8 == 0, "{by}");
            assert_eq!(moved.lane_stride(column, 8).is_some(), by == 1, "{by}");
        }
    }

    #[test]
    fn a_clamp_that_never_bites_is_not_made() {
        let extent = |_: IndexVar| Some(4);
        let i = Index::var(IndexVar(0));
        assert_eq!(i.offset(2).clamped(0, 5, &extent), i.offset(2));
        assert_ne!(i.offset(3).clamped(0, 5, &extent), i.offset(3));
    }
}
