//! Which element of its input an element of a view is.

use crate::ir::{Index, IndexVar};
use arch_compiler::graph::{AxisId, Function, Module, Node, ValueId};
use arch_compiler::ops::{Map, Op, View, Windows};
use std::sync::Arc;

/// Where an element stands: a position on each axis.
pub(super) type Env = Vec<(AxisId, Index)>;

/// The position on an axis.
pub(super) fn position(env: &Env, axis: AxisId) -> Index {
    env.iter().find(|e| e.0 == axis).map_or_else(Index::default, |e| e.1.clone())
}

/// The positions on the axes of a shape only.
pub(super) fn restrict(env: &Env, shape: &[AxisId]) -> Env {
    shape.iter().map(|a| (*a, position(env, *a))).collect()
}

/// The same place with other positions on some axes.
pub(super) fn with(env: &Env, set: &[(AxisId, Index)]) -> Env {
    let mut changed: Env = env.iter().filter(|e| set.iter().all(|s| s.0 != e.0)).cloned().collect();
    changed.extend(set.iter().cloned());
    changed
}

/// How an element of a view comes from the view's input.
pub(super) enum Origin {
    /// It is the element there.
    At(Env),
    /// It is the element there if the two indices are equal, and else the fill. The place is within bounds
    /// in any case.
    Guarded(Env, Index, Index, f64),
    /// It is the element at the position on the axis that a table gives.
    Table(Env, AxisId, Index, Arc<[u32]>),
}

/// The element of the input of a view (with one input, no fold) that the view's element at `env` is.
pub(super) fn origin(
    module: &Module,
    op: &Op,
    env: &Env,
    extent: &dyn Fn(IndexVar) -> Option<i64>,
) -> Option<Origin> {
    let Op::View(view) = op else {
        let plain = matches!(op, Op::Map(Map::Broadcast | Map::StopGradient) | Op::After);
        return plain.then(|| Origin::At(env.clone()));
    };
    let size = |a: AxisId| module.size(a, 1) as i64;
    let at = |a: AxisId| position(env, a);
    let set = |axis: AxisId, index: Index| Origin::At(with(env, &[(axis, index)]));
    Some(match view {
        View::Rename { from, to } => set(*from, at(*to)),
        View::Transpose(_) => Origin::At(env.clone()),
        View::Flatten { from, to } => {
            let mut rest = at(*to);
            let mut parts = Vec::new();
            for (i, axis) in from.iter().enumerate().rev() {
                let n = size(*axis);
                parts.push((*axis, if i == 0 { rest.clone() } else { rest.modulo(n, extent) }));
                if i > 0 {
                    rest = rest.div(n, extent);
                }
            }
            Origin::At(with(env, &parts))
        }
        View::Unflatten { from, to } => {
            let flat = to.iter().fold(Index::default(), |flat, a| flat.times(size(*a)).plus(&at(*a), 1));
            set(*from, flat)
        }
        View::Slice { axis, to, start, step } => {
            set(*axis, at(*to).times(*step as i64).offset(*start as i64))
        }
        View::Index { axis, at } => set(*axis, Index::constant(*at as i64)),
        View::Flip(axis) => set(*axis, at(*axis).times(-1).offset(size(*axis) - 1)),
        View::Pad { axis, to, before, value } => {
            guarded(env, *axis, &at(*to).offset(-(*before as i64)), size(*axis), *value, extent)
        }
        View::Window(Windows { axis, to, offset, stride, dilation, left }) => {
            let place =
                at(*to).times(*stride as i64).plus(&at(*offset), *dilation as i64).offset(-(*left as i64));
            guarded(env, *axis, &place, size(*axis), 0.0, extent)
        }
        View::Permute { axis, to, order } => Origin::Table(env.clone(), *axis, at(*to), order.clone()),
        View::Concat { .. } | View::Fold(_) => return None,
    })
}

fn guarded(
    env: &Env,
    axis: AxisId,
    place: &Index,
    size: i64,
    fill: f64,
    extent: &dyn Fn(IndexVar) -> Option<i64>,
) -> Origin {
    let inside = place.clamped(0, size - 1, extent);
    let env = with(env, &[(axis, inside.clone())]);
    if inside == *place { Origin::At(env) } else { Origin::Guarded(env, place.clone(), inside, fill) }
}

/// A value read with even steps: the position on each axis of what is below the views.
pub(super) struct Strided {
    /// The value below.
    pub base: ValueId,
    /// The position on each of its axes; the variables stand for the axes of the value above, in order.
    pub places: Env,
}

/// The value below views, whether or not they keep strides.
pub(super) fn base(function: &Function, value: ValueId) -> ValueId {
    let node = function.producer(value);
    let view = matches!(
        node.op,
        Op::View(
            View::Rename { .. }
                | View::Transpose(_)
                | View::Flatten { .. }
                | View::Unflatten { .. }
                | View::Slice { .. }
                | View::Index { .. }
                | View::Flip(_)
                | View::Pad { .. }
                | View::Window(_)
                | View::Permute { .. }
        ) | Op::Map(Map::Broadcast | Map::StopGradient)
            | Op::After
    );
    if view { base(function, node.inputs[0]) } else { value }
}

/// How a value is read from what is below its views, if that is with even steps.
pub(super) fn strided(module: &Module, function: &Function, value: ValueId) -> Option<Strided> {
    let shape = &function.value(value).shape;
    let sizes: Vec<Option<i64>> =
        shape.iter().map(|a| (*a != AxisId::BATCH).then(|| module.size(*a, 1) as i64)).collect();
    let extent = |v: IndexVar| sizes[v.0 as usize];
    let mut places: Env =
        shape.iter().enumerate().map(|(i, a)| (*a, Index::var(IndexVar(i as u32)))).collect();
    let mut at = value;
    let end = base(function, value);
    while at != end {
        let node = function.producer(at);
        let Some(Origin::At(next)) = origin(module, &node.op, &places, &extent) else { return None };
        at = node.inputs[0];
        places = restrict(&next, &function.value(at).shape);
    }
    let even = |i: &Index| i.terms.iter().all(|(atom, _)| matches!(atom, crate::ir::Atom::Var(_)));
    places.iter().all(|(_, i)| even(i)).then_some(Strided { base: end, places })
}

/// The axes of all inputs of a node, in the order of the largest.
pub(super) fn union(function: &Function, node: &Node) -> Vec<AxisId> {
    let mut shapes: Vec<&Vec<AxisId>> = node.inputs.iter().map(|v| &function.value(*v).shape).collect();
    shapes.sort_by_key(|s| std::cmp::Reverse(s.len()));
    let mut axes: Vec<AxisId> = Vec::new();
    for axis in shapes.into_iter().flatten() {
        if !axes.contains(axis) {
            axes.push(*axis);
        }
    }
    axes
}
