//! Store or recompute: which values of the forward pass are kept for the backward pass, and which it computes
//! a second time.
//!
//! Decided once for each function that is differentiated, however often it is called, by the cheapest cut
//! between the forward function and what the backward function reads ([`cut`]). Keeping a value costs the bytes
//! that it moves and, weighted by the setting, the bytes that live until the backward pass; computing it again
//! costs its operations, and its bytes where it has to be written again ([`prices`]). What is computed again
//! becomes part of the backward function ([`rewrite`]): it reads what is kept by [`Op::After`](crate::ops::Op)
//! a gradient that has arrived there, so that nothing merges it with the first computation or does it early.
//!
//! With a large weight and everything allowed, all that remains of a block are its inputs, as with the gradient
//! checkpointing of Chen, Xu, Zhang and Guestrin 2016 (arXiv 1604.06174), placed by cost instead of by hand.

mod cut;
mod prices;
mod rewrite;

use crate::grad::{Derivative, Read};
use crate::graph::{Module, ValueId};
use crate::ops::ShapeError;
use cut::{NEVER, cut};
use petgraph::graph::DiGraph;
use prices::Prices;

/// How much memory training may take for speed: how much a byte weighs that lives from forward to backward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Memory {
    /// What costs less to compute again than to write and read is computed again, and no matrix product, attention
    /// or scan.
    #[default]
    Fast,
    /// All but matrix products, attention and scans may be computed again.
    Balanced,
    /// Everything may: of a repeated block its inputs are kept.
    Small,
}

impl Memory {
    /// All of them, from the fastest to the smallest.
    pub const ALL: [Memory; 3] = [Memory::Fast, Memory::Balanced, Memory::Small];

    /// Its word in recipes and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Memory::Fast => "fast",
            Memory::Balanced => "balanced",
            Memory::Small => "small",
        }
    }
}

/// What may be computed again, and what a byte weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Setting {
    /// The weight of a byte that lives from forward to backward, in bytes moved.
    weight: u64,
    /// Whether matrix products, scans and calls may be computed again.
    everything: bool,
}

/// A byte that lives on weighs as much as one that is moved: it was not in a cache when it is read.
const FAST: Setting = Setting { weight: 1, everything: false };
/// With this weight what is elementwise or a norm is computed again rather than kept.
const BALANCED: Setting = Setting { weight: 16, everything: false };
/// With this weight a whole block is computed again rather than one more value for each token kept: up to a
/// width of about 7000.
const SMALL: Setting = Setting { weight: 4096, everything: true };

/// The same derivative, with less kept. `outputs` is how many results the function has, `depth` how many calls
/// it is away from the entry: a function that is computed again whole need not be taken apart inside once more,
/// and to compute the entry again would keep nothing less alive.
///
/// # Errors
/// If an operation does not fit its inputs: a fault of the pass.
pub(crate) fn lessen(
    module: &mut Module,
    outputs: usize,
    derivative: Derivative,
    memory: Memory,
    depth: usize,
) -> Result<Derivative, ShapeError> {
    let setting = match (memory, depth) {
        (Memory::Fast, 0) => return Ok(derivative),
        (Memory::Fast, _) => FAST,
        (Memory::Small, 1) => SMALL,
        _ => BALANCED,
    };
    let keeps = derivative.reads.iter().any(|r| matches!(r, Read::Kept(_)));
    let arrives = derivative.reads.iter().any(|r| matches!(r, Read::Cotangent(_)));
    if !keeps || !arrives {
        return Ok(derivative);
    }
    let choice = choose(module, outputs, &derivative, setting);
    rewrite::rewrite(module, outputs, derivative, &choice)
}

/// What becomes of the values of a forward function.
#[derive(Debug)]
struct Choice {
    /// By node: whether the backward function computes it again.
    again: Vec<bool>,
}

fn choose(module: &Module, outputs: usize, derivative: &Derivative, setting: Setting) -> Choice {
    let function = module.function(derivative.forward);
    let prices = Prices::new(module, outputs, derivative, setting);
    // Vertices: the nodes, then the values, then everything before the function and everything after it.
    let nodes = function.nodes.len();
    let mut network = DiGraph::new();
    let vertices: Vec<_> = (0..nodes + function.values.len() + 2).map(|_| network.add_node(())).collect();
    let vertex = |value: ValueId| vertices[nodes + value.0 as usize];
    let [.., source, sink] = vertices[..] else { unreachable!("both were added") };
    for (n, node) in function.nodes.iter().enumerate() {
        network.add_edge(source, vertices[n], prices.again[n]);
        for input in &node.inputs {
            network.add_edge(vertex(*input), vertices[n], NEVER);
        }
        for output in &node.outputs {
            network.add_edge(vertices[n], vertex(*output), prices.keep[output.0 as usize]);
        }
    }
    for value in wanted(function, outputs, derivative) {
        network.add_edge(vertex(value), sink, NEVER);
    }
    let before = cut(&network, source, sink);
    Choice { again: (0..nodes).map(|n| !before[n]).collect() }
}

/// What the backward function reads that is neither an input nor a result.
fn wanted<'a>(
    function: &'a crate::graph::Function,
    outputs: usize,
    derivative: &'a Derivative,
) -> impl Iterator<Item = ValueId> + 'a {
    derivative.reads.iter().filter_map(move |read| match read {
        Read::Kept(at) => Some(function.outputs[outputs + at].1),
        _ => None,
    })
}
