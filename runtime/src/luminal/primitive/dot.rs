//! The luminal graph as text, for Graphviz.

use super::built::Built;
use std::fmt::Write;

/// Nodes with their operators and sizes, and data edges from producer to consumer.
pub(super) fn dot(name: &str, built: &Built) -> String {
    let graph = &built.graph().graph;
    let mut text = format!("digraph \"{}\" {{\n  node [shape=box];\n", escaped(name));
    for id in graph.node_indices() {
        let operator = graph.node_weight(id).map_or_else(String::new, |op| format!("{op:?}"));
        let dims = built.dims.get(&id).map_or_else(String::new, |dims| format!("{dims:?}"));
        let _ = writeln!(text, "  n{} [label=\"{}\\n{dims}\"];", id.index(), escaped(&operator));
    }
    for edge in graph.edge_indices() {
        if let Some((from, to)) = graph.edge_endpoints(edge) {
            let _ = writeln!(text, "  n{} -> n{};", from.index(), to.index());
        }
    }
    text.push_str("}\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
