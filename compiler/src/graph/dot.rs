//! The graph as Graphviz text.

use super::{FuncId, Module, Node};
use crate::ops::Op;
use petgraph::dot::Dot;
use petgraph::graph::DiGraph;

/// One function of a module as a directed graph: operations, and the values that flow between them.
#[must_use]
pub fn dot(module: &Module, id: FuncId) -> String {
    let function = module.function(id);
    let mut graph = DiGraph::<String, String>::new();
    let label = |node: &Node| match &node.op {
        Op::Input => {
            let input = function.inputs.iter().find(|i| node.outputs.contains(&i.value));
            input.map_or_else(String::new, |i| i.name.clone())
        }
        op => op.symbol(module),
    };
    let places: Vec<_> = function.nodes.iter().map(|node| graph.add_node(label(node))).collect();
    for (node, place) in function.nodes.iter().zip(&places) {
        for input in &node.inputs {
            let value = function.value(*input);
            graph.add_edge(places[value.node as usize], *place, module.shape_text(&value.shape));
        }
    }
    for (name, value) in &function.outputs {
        let value = function.value(*value);
        let end = graph.add_node(format!("output {name}"));
        graph.add_edge(places[value.node as usize], end, module.shape_text(&value.shape));
    }
    // Display prints the labels as they are; the debug form would quote them twice.
    format!("{}", Dot::new(&graph))
}
