//! Calls inside the step of a scan: the body of a scan calls nothing, so the callee's operations are copied.
//! What depends on weights alone is computed before the scan, once.

use super::Session;
use super::axes::AxisInfo;
use super::forward::{Built, Hidden};
use crate::graph::{AxisId, FuncId, InputKind, ValueId, inline};
use crate::ops::Op;
use arch_grammar::{Diagnostic, Span};
use rustc_hash::FxHashMap;

/// A value and the function of the stack that it belongs to.
type Leveled = (usize, ValueId);

impl Session<'_> {
    /// Whether a function may be called inside a step; says why not.
    pub(super) fn callable_in_step(&mut self, shown: &str, built: &Built, span: Span) -> bool {
        let random = |h: &Hidden| matches!(h.kind, InputKind::Random(_));
        let what = if built.hidden.iter().any(random) {
            "drops values"
        } else if self.has_scan(built.function) {
            "has a scan"
        } else {
            return true;
        };
        let text = format!("`{shown}` {what} and cannot be called inside the step of a scan");
        let d = Diagnostic::error("A0509", text, span);
        self.report(d.help("call it before or after the scan, on all positions at once"));
        false
    }

    fn has_scan(&self, function: FuncId) -> bool {
        self.module.function(function).nodes.iter().any(|n| match &n.op {
            Op::Scan(_) => true,
            Op::Call { function, .. } => self.has_scan(*function),
            _ => false,
        })
    }

    /// Copies the operations of a function to the level of a step; gives its results there.
    pub(super) fn inlined(
        &mut self,
        function: FuncId,
        pairs: &[(AxisId, AxisId)],
        inputs: &[Leveled],
        level: usize,
    ) -> Vec<ValueId> {
        let flat = inline(&mut self.module, function);
        let source = self.module.function(flat).clone();
        self.module.functions.pop();
        // Inlining declared axes that messages know nothing of.
        self.axes.resize_with(self.module.axes.len(), AxisInfo::batch);
        let mut axes: FxHashMap<AxisId, AxisId> = pairs.iter().copied().collect();
        axes.insert(AxisId::BATCH, AxisId::BATCH);
        let mut values: FxHashMap<ValueId, Leveled> =
            source.inputs.iter().zip(inputs).map(|(i, v)| (i.value, *v)).collect();
        for node in source.nodes.iter().filter(|n| n.op != Op::Input) {
            let op = node.op.with_axes(&mut |a| match axes.get(&a) {
                Some(b) => *b,
                None => {
                    let name = self.axis_name(a);
                    let own = self.copy_axis(a, &name);
                    axes.insert(a, own);
                    own
                }
            });
            let given: Vec<Leveled> = node.inputs.iter().map(|v| values[v]).collect();
            let at = given.iter().map(|(l, _)| *l).max().unwrap_or(0);
            let given: Vec<ValueId> =
                given.into_iter().map(|v| self.raised(v, at, node.origin.span)).collect();
            let results = self.add_at(at, op, &given, node.origin.span);
            values.extend(node.outputs.iter().zip(results).map(|(o, v)| (*o, (at, v))));
        }
        source.outputs.iter().map(|(_, v)| self.raised(values[v], level, Span::default())).collect()
    }

    fn raised(&mut self, (from, value): Leveled, to: usize, origin: Span) -> ValueId {
        if from < to { self.capture(value, to, false, origin) } else { value }
    }
}
