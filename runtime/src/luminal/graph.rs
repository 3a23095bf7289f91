//! A plan as a `luminal::Graph`: an operator a step, an edge for everything that a step reads of another.

use super::operator::{Shared, StepOperator};
use super::options::BuildError;
use super::profile::Clock;
use crate::device::host::Bound;
use arch_kernels::plan::Plan;
use luminal::prelude::{Graph, NodeIndex};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The graph with the clocks of its operators. The graph is boxed, since luminal keeps addresses of it.
pub(super) type Built = (Box<Graph>, Vec<Arc<Clock>>);

/// Binds every step of a plan. Those that keep their results run while `prepared` does not hold.
pub(super) fn build_graph(
    plan: &Plan,
    shared: &Arc<Shared>,
    prepared: &Arc<AtomicBool>,
    bind: impl Fn(usize) -> Result<Bound, BuildError>,
) -> Result<Built, BuildError> {
    let mut graph = Box::new(Graph::new());
    let mut clocks = Vec::new();
    let mut nodes: Vec<NodeIndex> = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let clock = Arc::new(Clock::default());
        clocks.push(clock.clone());
        let operator = StepOperator {
            name: step.name.as_str().into(),
            lines: step.origins.join(", ").into(),
            bound: bind(at)?,
            clock,
            shared: shared.clone(),
            prepared: plan.is_prepared(at).then(|| prepared.clone()),
        };
        nodes.push(graph.add_op(operator).finish());
    }
    for (from, to) in relations(plan) {
        graph.add_schedule_dependency(nodes[from], nodes[to]);
    }
    for pair in nodes.windows(2) {
        graph.add_schedule_dependency(pair[0], pair[1]);
    }
    Ok((graph, clocks))
}

/// The graph of a plan, as dot.
pub(super) fn dot(plan: &Plan) -> String {
    let mut text = String::from("digraph {\n  node [shape=box, fontname=monospace];\n");
    for (i, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(text, "  s{i} [label=\"{}\\n{}\"];", step.name, step.origins.join("\\n"));
    }
    for (from, to) in relations(plan) {
        let _ = writeln!(text, "  s{from} -> s{to};");
    }
    text += "}\n";
    text
}

/// Pairs of steps of which the second reads what the first wrote last.
fn relations(plan: &Plan) -> Vec<(usize, usize)> {
    let mut writer: Vec<Vec<usize>> = vec![Vec::new(); plan.slots.len()];
    let mut pairs = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        for slot in &step.reads {
            for from in &writer[slot.0 as usize] {
                if *from != at && !pairs.contains(&(*from, at)) {
                    pairs.push((*from, at));
                }
            }
        }
        for slot in &step.writes {
            // Parts of a concatenation come from several steps.
            let part = plan.steps[at].name.starts_with("concat");
            let known = &mut writer[slot.0 as usize];
            if !part {
                known.clear();
            }
            known.push(at);
        }
    }
    pairs
}
