//! A convolution that is written tap by tap (`shift(x, T, by: 1) * w[K: 2] + x * w[K: 3]`) is a sum over windows.

use super::{Form, rewrite_with};
use crate::canon::Sums;
use crate::graph::{AxisId, Builder, Function, Module, Node, Rules, ValueId};
use crate::ops::{Map, Op, ShapeError, View, Windows};

pub(super) const FORM: Form = Form {
    name: "taps",
    algebra: "w[K: 0] * shift(x, T, by: 1) + w[K: 1] * x = sum(w * windows(x, T, K), over: K)",
    guard: "all of K, evenly spaced",
    find: taps,
};

/// The same function with such sums as products with windows; `None` if it has none.
fn taps(module: &mut Module, source: &Function, by: Rules) -> Result<Option<Function>, ShapeError> {
    let sums = Sums::of(source);
    rewrite_with(module, source, by, &mut |b, node, _, values| {
        let Some(terms) = sums.terms(node) else { return Ok(None) };
        let terms: Vec<ValueId> = terms.iter().map(|v| values[v]).collect();
        let (groups, mut rest) = grouped(&b.function, &terms);
        let mut sum: Option<ValueId> = None;
        for taps in groups {
            match convolution(b, &taps) {
                Some(windows) => {
                    let product = windows.product(b)?;
                    sum = Some(added(b, sum, product)?);
                }
                None => rest.extend(taps.iter().map(|tap| tap.term)),
            }
        }
        let Some(mut sum) = sum else { return Ok(None) };
        for term in rest {
            sum = added(b, Some(sum), term)?;
        }
        Ok(Some(vec![sum]))
    })
}

fn added(b: &mut Builder<'_>, sum: Option<ValueId>, term: ValueId) -> Result<ValueId, ShapeError> {
    match sum {
        Some(sum) => b.add1(Op::Map(Map::Add), &[sum, term]),
        None => Ok(term),
    }
}

/// A value times one position of the weights.
struct Tap {
    term: ValueId,
    value: ValueId,
    weights: ValueId,
    offset: AxisId,
    at: usize,
}

/// The taps among some terms by their weights, and all other terms.
fn grouped(function: &Function, terms: &[ValueId]) -> (Vec<Vec<Tap>>, Vec<ValueId>) {
    let (mut groups, mut rest): (Vec<Vec<Tap>>, Vec<ValueId>) = (Vec::new(), Vec::new());
    for term in terms {
        let Some(tap) = tap(function, *term) else {
            rest.push(*term);
            continue;
        };
        let same = |group: &&mut Vec<Tap>| (group[0].weights, group[0].offset) == (tap.weights, tap.offset);
        match groups.iter_mut().find(same) {
            Some(group) => group.push(tap),
            None => groups.push(vec![tap]),
        }
    }
    (groups, rest)
}

fn tap(function: &Function, term: ValueId) -> Option<Tap> {
    let Node { op: Op::Map(Map::Mul), inputs, .. } = function.producer(term) else { return None };
    let own = |weight: ValueId, value: ValueId| match function.producer(weight) {
        Node { op: Op::View(View::Index { axis, at }), inputs, .. } => {
            let has_batch = function.value(weight).shape.contains(&AxisId::BATCH);
            (!has_batch).then_some(Tap { term, value, weights: inputs[0], offset: *axis, at: *at })
        }
        _ => None,
    };
    own(inputs[0], inputs[1]).or_else(|| own(inputs[1], inputs[0]))
}

/// A convolution along an axis that becomes `to`.
struct Convolution {
    of: ValueId,
    weights: ValueId,
    windows: Windows,
    to: AxisId,
}

impl Convolution {
    /// It as a product with windows.
    fn product(self, b: &mut Builder<'_>) -> Result<ValueId, ShapeError> {
        let Convolution { of, weights, windows, to } = self;
        let inner = b.module.add_axis_like(to);
        let windows = Windows { to: inner, ..windows };
        let near = b.add1(Op::View(View::Window(windows)), &[of])?;
        let near = b.add1(Op::View(View::Rename { from: inner, to }), &[near])?;
        b.add1(Op::Contract(vec![windows.offset]), &[weights, near])
    }
}

/// What taps are together, if they are all of some weights, evenly spaced along one axis of one value.
fn convolution(b: &Builder<'_>, taps: &[Tap]) -> Option<Convolution> {
    let first = taps.first()?;
    let width = b.module.size(first.offset, 0);
    let mut taps: Vec<&Tap> = taps.iter().collect();
    taps.sort_unstable_by_key(|t| t.at);
    if width < 2 || taps.len() != width || taps.iter().enumerate().any(|(at, tap)| tap.at != at) {
        return None;
    }
    let axes = b.shape(first.value).iter().filter(|a| **a != AxisId::BATCH);
    axes.copied().find_map(|to| {
        let seen: Vec<Seen> = taps.iter().map(|t| seen(b, t.value, to)).collect();
        let Seen { of, axis, .. } = seen[0];
        let same = seen.iter().all(|s| (s.of, s.axis) == (of, axis)) && !b.shape(of).contains(&first.offset);
        let size = b.module.size(axis, 0) as i64;
        let distances: Vec<i64> = seen.iter().map(|s| s.distance(size)).collect::<Option<_>>()?;
        let (left, dilation) = (-distances[0], distances[1] - distances[0]);
        let even = distances.windows(2).all(|d| d[1] - d[0] == dilation);
        let (left, dilation) = (usize::try_from(left).ok()?, usize::try_from(dilation).ok()?);
        let windows = Windows { axis, to, offset: first.offset, stride: 1, dilation, left };
        let found = Convolution { of, weights: first.weights, windows, to };
        (same && even && dilation > 0).then_some(found)
    })
}

/// What a value is made of along an axis by views: which axis of what, and the position there for each of its own; none
/// where it is zero.
struct Seen {
    of: ValueId,
    axis: AxisId,
    positions: Vec<Option<usize>>,
}

impl Seen {
    /// How far to the right of its own position it looks everywhere, with zeros beyond the edges of `size` positions.
    fn distance(&self, size: i64) -> Option<i64> {
        let looks = |(at, from): (usize, &Option<usize>)| from.map(|from| from as i64 - at as i64);
        let distance = self.positions.iter().enumerate().find_map(looks)?;
        let is_there = |at: usize| (0..size).contains(&(at as i64 + distance));
        let all = self.positions.iter().enumerate().all(|(at, from)| match from {
            Some(from) => *from as i64 - at as i64 == distance,
            None => !is_there(at),
        });
        all.then_some(distance)
    }
}

fn seen(b: &Builder<'_>, value: ValueId, axis: AxisId) -> Seen {
    let Node { op, inputs, .. } = b.function.producer(value);
    let size = b.module.size(axis, 0);
    let through = |of: ValueId, from: AxisId, position: &dyn Fn(usize) -> Option<usize>| {
        let inner = seen(b, of, from);
        let place = |at: usize| inner.positions.get(position(at)?).copied().flatten();
        Seen { positions: (0..size).map(place).collect(), ..inner }
    };
    match op {
        Op::View(View::Transpose(_)) => through(inputs[0], axis, &Some),
        Op::View(View::Rename { from, to }) if *to == axis => through(inputs[0], *from, &Some),
        Op::View(View::Slice { axis: from, to, start, step }) if *to == axis => {
            through(inputs[0], *from, &|at| Some(start + at * step))
        }
        Op::View(View::Pad { axis: from, to, before, value }) if *to == axis && *value == 0.0 => {
            through(inputs[0], *from, &|at| at.checked_sub(*before))
        }
        Op::View(View::Index { axis: offset, at: place }) => {
            match windows(&b.function, inputs[0], axis).filter(|(w, _)| w.offset == *offset) {
                Some((w, of)) => {
                    through(of, w.axis, &|at| (at * w.stride + place * w.dilation).checked_sub(w.left))
                }
                None => Seen { of: value, axis, positions: (0..size).map(Some).collect() },
            }
        }
        _ => Seen { of: value, axis, positions: (0..size).map(Some).collect() },
    }
}

/// The windows that a value is, and of what, if they are along one of its axes.
fn windows(function: &Function, value: ValueId, to: AxisId) -> Option<(Windows, ValueId)> {
    match function.producer(value) {
        Node { op: Op::View(View::Window(w)), inputs, .. } if w.to == to => Some((*w, inputs[0])),
        Node { op: Op::View(View::Rename { from, to: new }), inputs, .. } if *new == to => {
            windows(function, inputs[0], *from)
        }
        _ => None,
    }
}
