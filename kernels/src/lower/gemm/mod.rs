//! Matrix products as kernels, with what follows them: bias, activation, gate and residual are computed while
//! the results of a block of rows are in the nearest caches, and so is a norm that reads whole rows of them.
//!
//! - [`table`]: which products are kernels of ours and which are the library's, by shape and instruction set.
//! - [`tiles`]: how a product is cut, from its shape alone.
//! - [`pack`]: the right operand, copied into panels as the kernel reads it; once for all products that share it.
//! - [`epilogue`]: which group of maps and row reductions joins a product; or the [`Reason`] why it may not.
//! - [`emit`]: the kernel.
//! - [`tiled`]: the kernel on a GPU, where all products are ours and what follows is computed of a thread's sums.
//!
//! The loops are those of Goto and van de Geijn (Anatomy of High-Performance Matrix Multiplication, ACM TOMS
//! 34(3), 2008) without their copy of the left operand: its rows are read number by number, which costs nothing
//! where they lie along the sum. Edges need no code of their own: the last tile of rows and the last panel of
//! columns begin earlier, so that all are whole, and compute some results twice.

mod emit;
mod epilogue;
mod pack;
mod reason;
mod table;
mod tiled;
mod tiles;

pub(super) use epilogue::{Epilogues, find};
pub(super) use pack::Packs;
pub use reason::Reason;

use super::lowering::Lowering;
use super::pull::{Place, Puller};
use crate::ir::Over;
use crate::plan::{self, Gemm};
use crate::print::Target;
use arch_compiler::graph::{AxisId, ValueId};
use arch_compiler::ops::Op;
use table::Server;
use tiles::Cut;

/// A matrix product with the axes that its rows and columns are made of, outermost first.
#[derive(Clone, Debug)]
pub(super) struct Product {
    pub gemm: Gemm,
    pub rows: Vec<AxisId>,
    pub columns: Vec<AxisId>,
    /// The axes that each repeat is made of, outermost first.
    pub repeated: Vec<Vec<AxisId>>,
    /// What the left and the right operand are read from.
    pub operands: [ValueId; 2],
}

impl Product {
    /// The same product such that its results lie in memory column by column; its transpose, if need be.
    fn oriented(self) -> Self {
        let across = |o: plan::Operand| plan::Operand { row: o.column, column: o.row, ..o };
        let g = &self.gemm;
        if g.out.column == 1 || g.out.row != 1 || !g.repeats.is_empty() {
            return self;
        }
        let gemm = Gemm {
            m: g.n,
            n: g.m,
            left: across(g.right),
            right: across(g.left),
            out: across(g.out),
            repeats: Vec::new(),
            ..*g
        };
        let [left, right] = self.operands;
        Product {
            gemm,
            rows: self.columns,
            columns: self.rows,
            repeated: Vec::new(),
            operands: [right, left],
        }
    }
}

/// Where the sums of tiles go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sums {
    /// To memory, since something else reads them or nothing follows.
    Memory,
    /// Into a local array for a panel of columns.
    Panel,
    /// Into a local array for whole rows.
    Rows,
}

/// What the kernel of a product is emitted with.
struct Around<'k> {
    /// The result of the product.
    value: ValueId,
    /// Where it lies, if it has a place in memory.
    place: Option<&'k Place>,
    /// The axes that are summed over.
    terms: Over,
    epilogue: Option<emit::Epilogue<'k>>,
}

impl<'a> Lowering<'a> {
    /// A product, and the group that joins it, by a kernel of ours or by the library.
    pub(super) fn multiply(&mut self, n: usize, product: Product) {
        let group = self.epilogues.group_of(n);
        if self.options.target == Target::Cuda {
            return self.tiled(n, &product.oriented(), group);
        }
        let given = product.gemm.clone();
        let product = product.oriented();
        let g = &product.gemm;
        let whole = g.repeats.is_empty() && g.out.column == 1;
        let kept = table::is_kept(self.function, product.operands[1]);
        let server = table::server(self.options.target, (g.m, g.n, g.k), g.left.column == 1, kept);
        if server == Server::Library || !whole {
            self.push_gemm(n, given);
            group.into_iter().for_each(|g| self.group(g));
            return;
        }
        // How operands lie in memory is known only now: what was to join may still have to follow.
        let joined = group.filter(|g| {
            let group = &self.groups.groups[*g];
            let axes = if group.inner.is_empty() { &group.outer } else { &group.inner };
            let one = group.inner.is_empty() || product.columns.len() == 1;
            one && product.columns.iter().all(|c| axes.contains(c))
        });
        let along = joined.is_some_and(|g| !self.groups.groups[g].inner.is_empty());
        let cut = Cut::choose(self.options.target, (g.m, g.n, g.k), along);
        let sums = match self.stores_product(n, joined) {
            true => Sums::Memory,
            false if along || cut.holds_rows(g.n) => Sums::Rows,
            false => Sums::Panel,
        };
        let packed = self.packed_panels(n, &product, &cut);
        let (cut, batch) = (&cut, self.options.batch);
        let mut behind = 0;
        self.gemm_kernel(n, &product, joined, |p, around| {
            let Around { value, place, terms, epilogue } = around;
            if let (Sums::Memory, Some(place)) = (sums, place) {
                p.frames[0].places.insert(value, place.clone());
            }
            behind =
                emit::Kernel { value, product: &product, batch, cut, packed, sums, terms, epilogue }.emit(p);
        });
        if let Some(step) = self.plan.steps.last_mut() {
            step.flops = 2 * (g.m * g.n * g.k) as u64 + behind;
        }
        group.filter(|_| joined.is_none()).into_iter().for_each(|g| self.group(g));
    }

    /// Whether the result of a product is read elsewhere than in the group that is computed with it.
    fn stores_product(&self, n: usize, joined: Option<usize>) -> bool {
        let value = self.function.nodes[n].outputs[0];
        joined.is_none_or(|g| self.groups.leaves(self.function, &self.analysis, g, value))
    }

    /// The kernel of a product and of the group that is computed with it.
    fn gemm_kernel(
        &mut self,
        n: usize,
        product: &Product,
        group: Option<usize>,
        emit: impl FnOnce(&mut Puller<'a, '_>, Around<'_>),
    ) {
        let node = &self.function.nodes[n];
        let (value, Op::Contract(over)) = (node.outputs[0], &node.op) else { return };
        let group = group.map(|g| (self.groups.groups[g].clone(), self.targets(g)));
        let mut nodes = vec![n];
        let mut own = vec![value];
        for member in group.iter().flat_map(|(g, _)| &g.members) {
            nodes.push(*member);
            own.extend(&self.function.nodes[*member].outputs);
        }
        let place = self.places.get(&value).cloned();
        let analysis = self.analysis.clone();
        let gemm = &product.gemm;
        let shape = format!("{}x{}x{}", gemm.m, gemm.n, gemm.k);
        self.named_kernel("gemm", &[shape], &nodes, &own, |p| {
            let epilogue =
                group.as_ref().map(|(group, targets)| emit::Epilogue { group, targets, analysis: &analysis });
            emit(p, Around { value, place: place.as_ref(), terms: p.over(over), epilogue });
        });
    }

    /// Where the values go that leave a group.
    pub(super) fn targets(&self, g: usize) -> std::collections::BTreeMap<ValueId, Vec<Place>> {
        let values = self.groups.groups[g].members.iter().map(|n| self.function.nodes[*n].outputs[0]);
        let leaving = values.filter(|v| self.groups.leaves(self.function, &self.analysis, g, *v));
        leaving.filter_map(|v| self.places.get(&v).map(|place| (v, vec![place.clone()]))).collect()
    }
}
