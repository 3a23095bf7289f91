//! What a sum of products costs, in sixteenths of a byte that is moved. The figures are those by which values are kept
//! or computed again (`memory/prices`): rough, and good enough to tell an order from one of twice its work.

use super::lang::{Graph, Node, Op};
use crate::graph::AxisId;
use egg::Id;

/// Of an element that is written and read again.
const MOVED: u64 = 2 * 4 * 16;
/// Of an element that is read.
const READ: u64 = 4 * 16;
/// Of a multiplication or an addition of elements.
const SIMPLE: u64 = 2;
/// Of a multiplication and addition in a matrix product.
const PRODUCT: u64 = 3;
/// Of what no kernel computes at once: a product of more than two factors that is summed.
const NEVER: u64 = u64::MAX / 1024;

/// What a node costs beside its operands.
pub(super) fn price(graph: &Graph, node: &Node) -> u64 {
    let facts = &graph.analysis;
    let elements = |axes: &[AxisId]| facts.elements(axes);
    let own = |id: &Id| &graph[*id].data;
    let all = all_axes(graph, node);
    let result = facts.elements(all.iter().filter(|a| !node.over().contains(a)));
    let largest = node.operands.iter().map(|id| elements(own(id))).max().unwrap_or(0);
    let price = match (&node.op, node.operands.as_slice()) {
        (Op::Factor(_), _) => 0,
        // What is as large as one of its factors is computed where that is; an outer product is written.
        (Op::Contract(over), operands) if over.is_empty() => {
            let moved = if result > largest { MOVED } else { 0 };
            (SIMPLE * (operands.len() as u64 - 1) + moved).saturating_mul(result)
        }
        // Of an axis that one factor has alone the sum is taken there first.
        (Op::Contract(over), [x, y]) if over.iter().any(|a| !own(x).contains(a) || !own(y).contains(a)) => {
            NEVER
        }
        (_, [x]) => (SIMPLE + READ).saturating_mul(elements(own(x))),
        (_, [x, y]) if is_matrix(graph, *x, *y) => {
            let read = READ.saturating_mul(elements(own(x)).saturating_add(elements(own(y))));
            let moved = MOVED.saturating_mul(result);
            PRODUCT.saturating_mul(elements(&all)).saturating_add(read).saturating_add(moved)
        }
        (_, [_, _]) => (2 * SIMPLE + READ).saturating_mul(elements(&all)),
        _ => NEVER,
    };
    price.min(NEVER)
}

/// The multiplications and additions of a node.
pub(super) fn operations(graph: &Graph, node: &Node) -> u64 {
    let all = graph.analysis.elements(&all_axes(graph, node));
    let each = match (&node.op, node.operands.len() as u64) {
        (Op::Factor(_), _) => 0,
        (Op::Contract(over), operands) if over.is_empty() => operations_of_product(operands),
        (Op::Contract(_), operands) => operations_of_product(operands) + 1,
    };
    all.saturating_mul(each)
}

fn operations_of_product(operands: u64) -> u64 {
    operands.saturating_sub(1)
}

fn all_axes(graph: &Graph, node: &Node) -> Vec<AxisId> {
    let mut all: Vec<AxisId> = node.operands.iter().flat_map(|id| graph[*id].data.to_vec()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether both factors have axes that the other lacks.
pub(super) fn is_matrix(graph: &Graph, x: Id, y: Id) -> bool {
    let [x, y] = [x, y].map(|id| &graph[id].data);
    x.iter().any(|a| !y.contains(a)) && y.iter().any(|a| !x.contains(a))
}

/// Whether a node of this price can be computed at all.
pub(super) fn is_possible(price: u64) -> bool {
    price < NEVER
}
