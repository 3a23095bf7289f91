//! Which axis of a callee stands for which axis of its caller.

use super::Session;
use crate::graph::AxisId;

/// Pairs of a callee's axis, the caller's axis that it stands for, and the axis that the call uses for it:
/// another identity where the caller gave one axis for two.
pub(super) struct Pairs {
    list: Vec<(AxisId, Option<AxisId>, AxisId)>,
}

impl Pairs {
    /// The pairs that a layer's declaration made: own, real, used.
    pub(super) fn of(axes: &[(AxisId, AxisId, AxisId)]) -> Self {
        Pairs { list: axes.iter().map(|(own, real, used)| (*own, Some(*real), *used)).collect() }
    }

    pub(super) fn add(&mut self, session: &mut Session<'_>, own: AxisId, real: AxisId) {
        let taken = self.list.iter().any(|(_, _, u)| *u == real);
        let used = if taken {
            let name = session.axis_name(own);
            session.copy_axis(real, &name)
        } else {
            real
        };
        self.list.push((own, Some(real), used));
    }

    pub(super) fn used(&self, own: AxisId) -> AxisId {
        self.list.iter().find(|(o, _, _)| *o == own).map_or(own, |(_, _, u)| *u)
    }

    pub(super) fn real(&self, own: AxisId) -> Option<AxisId> {
        self.list.iter().find(|(o, _, _)| *o == own).and_then(|(_, r, _)| *r)
    }

    /// The used axis; an axis that only the callee knows stands for itself.
    pub(super) fn or_self(&mut self, own: AxisId) -> AxisId {
        if !self.list.iter().any(|(o, _, _)| *o == own) {
            self.list.push((own, None, own));
        }
        self.used(own)
    }

    pub(super) fn list(&self) -> Vec<(AxisId, AxisId)> {
        self.list.iter().map(|(o, _, u)| (*o, *u)).collect()
    }
}
