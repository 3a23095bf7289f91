//! Results of a scan that are summed along its vectors. A kernel goes through a block of vectors, chunk by chunk, and
//! adds these sums up lane by lane in local arrays; lanes are joined once a chunk, and blocks by a kernel after the
//! scan, in order.

use super::Step;
use super::again::{AgainStep, Chunked, Results, moved, open_chunk};
use super::carry::Carry;
use super::step::Constants;
use crate::ir::{Elem, Expr, Extent, Index, Join, LoopKind, Operand, Over, Stmt};
use crate::lower::element::{Env, with};
use crate::lower::lowering::Lowering;
use crate::lower::pull::{Place, Puller, Reduction, Strides, row_major};
use crate::plan::SlotId;
use arch_compiler::graph::{AxisId, ValueId};
use arch_compiler::ops::{Op, Reduce};
use std::collections::BTreeMap;

/// Vectors that a block has at most.
const WIDEST: usize = 8;
/// Blocks below which there are too few pieces for several threads.
const FEWEST: usize = 4;
/// Steps of a chunk where no states are computed again.
const CHUNK: i64 = 16;

/// How many of the vectors of a scan are a block.
pub(super) fn block(vectors: usize) -> usize {
    let fits = |w: &usize| vectors.is_multiple_of(*w) && vectors / w >= FEWEST;
    (1..=WIDEST).rev().find(fits).unwrap_or(1)
}

impl Lowering<'_> {
    /// A buffer for a result's sums over each block of vectors: after the batch comes the number of the block.
    pub(super) fn partial_sums(&mut self, out: ValueId, blocks: usize) -> (SlotId, Strides) {
        let shape = &self.function.value(out).shape;
        let len: usize = self.module.dims(shape, self.options.batch).iter().product();
        let mut strides = row_major(self.module, shape);
        if let Some(first) = strides.first_mut().filter(|s| s.0 == AxisId::BATCH) {
            first.1 *= blocks as i64;
        }
        (self.scratch(Elem::F32, len * blocks), strides)
    }

    /// Adds up the sums of the blocks, in order.
    pub(super) fn finish_sums(
        &mut self,
        n: usize,
        out: ValueId,
        slot: SlotId,
        strides: &Strides,
        blocks: usize,
    ) {
        let Some(place) = self.places.get(&out).cloned() else { return };
        let shape = self.function.value(out).shape.clone();
        let inner: usize =
            shape.iter().filter(|a| **a != AxisId::BATCH).map(|a| self.module.size(*a, 1)).product();
        self.pointwise("map", &[n], &[out], &shape, |p, env| {
            let arg = p.arg(slot, Elem::F32);
            let acc = p.body.acc(Join::Sum);
            let at = Index::var(p.body.open_over(
                LoopKind::Sequential,
                Extent::fixed(blocks as i64),
                Over::Part("block"),
            ));
            let address = Puller::address(env, strides).plus(&at, inner as i64);
            let value = p.body.bind_here(Expr::Load(arg, address));
            p.body.push(Stmt::Accumulate(acc, value));
            p.close();
            let sum = p.body.bind_here(Expr::Acc(acc));
            p.store(&place, env, sum);
        });
    }
}

/// What a block of vectors has between chunks: arrays in which a step is a vector.
struct Block {
    carries: Vec<Chunked>,
    /// By value of the function around: small constants.
    constants: BTreeMap<ValueId, Chunked>,
}

impl Block {
    fn place(&self, carry: usize, vector: &Index, lane: &Index) -> Place {
        moved(self.carries[carry].place(vector), lane)
    }
}

impl<'a> Step<'a> {
    /// The kernel of a scan with sums along its vectors.
    pub(super) fn in_blocks(&self, p: &mut Puller<'a, '_>, results: &[Place], again: Option<&AgainStep<'a>>) {
        let Some((lane_axis, around)) = self.free.split_last() else { return };
        let vectors = p.module.size(*lane_axis, 1) / self.lanes;
        let (wide, lanes) = (block(vectors) as i64, self.lanes as i64);
        let mut env: Env = Vec::new();
        for axis in around {
            let at = p.open(LoopKind::Parallel, *axis);
            env.push((*axis, at));
        }
        let block_at = Index::var(p.body.open_over(
            LoopKind::Parallel,
            Extent::fixed(vectors as i64 / wide),
            Over::Part("block"),
        ));
        let chunk = again.map_or(CHUNK.min(p.module.size(self.scan.axis, 1).max(1) as i64), |a| a.chunk);
        let arrays = (0..self.scan.carries).map(|i| {
            let axes = self.local_axes(self.body.inputs[i].value);
            Chunked::new(p, &axes, wide, lanes)
        });
        let mut block = Block { carries: arrays.collect(), constants: BTreeMap::new() };
        let steps = std::iter::once(self).chain(again.map(AgainStep::step));
        // What both steps read is there once.
        let small = steps.flat_map(|step| step.small_constants(p)).map(|(_, outer, axes)| (outer, axes));
        let small: BTreeMap<ValueId, Vec<AxisId>> = small.collect();
        for (outer, axes) in &small {
            block.constants.insert(*outer, Chunked::new(p, axes, wide, lanes));
        }
        let each_vector =
            |p: &mut Puller<'a, '_>, run: &mut dyn FnMut(&mut Puller<'a, '_>, &Env, &Index, &Index)| {
                let v = Index::var(p.body.open_over(
                    LoopKind::Sequential,
                    Extent::fixed(wide),
                    Over::Part("vector"),
                ));
                let l =
                    Index::var(p.body.open_over(LoopKind::Vector, Extent::fixed(lanes), Over::Part("place")));
                let at = block_at.times(wide).plus(&v, 1).times(lanes).plus(&l, 1);
                run(p, &with(&env, &[(*lane_axis, at)]), &v, &l);
                p.close();
                p.close();
            };
        each_vector(p, &mut |p, env, v, l| {
            let carries = self.start(p, env);
            self.put(p, env, &block, &carries, (v, l));
            for (outer, axes) in &small {
                self.put_constant(p, env, (*outer, axes), &moved(block.constants[outer].place(v), l));
            }
        });
        let sums: Vec<Chunked> = (self.sums.iter())
            .map(|(n, ..)| {
                let axes = self.local_axes(self.body.nodes[*n].outputs[0]);
                Chunked::new(p, &axes, chunk, lanes)
            })
            .collect();
        let c = self.open_chunks(p, chunk);
        for sum in &sums {
            let at = Index::var(p.body.open_over(
                LoopKind::Vector,
                Extent::fixed(sum.length * chunk),
                Over::Part("at"),
            ));
            p.body.push(Stmt::StoreLocal(sum.local, at, Operand::float(0.0)));
            p.close();
        }
        each_vector(p, &mut |p, env, v, l| {
            let mut carries = self.take(p, env, &block, (v, l));
            let known: Constants<'_> = &|outer| block.constants.get(&outer).map(|a| moved(a.place(v), l));
            self.constants(p, env, known);
            if let Some(again) = again {
                again.begin(p, env, known);
            }
            let results = Results { places: results, sums: &sums, lane: l.clone() };
            self.chunk(p, env, (&c, chunk), again, &mut carries, results);
            self.put(p, env, &block, &carries, (v, l));
        });
        self.join_lanes(p, &env, (&c, chunk), &sums, &block_at);
        p.close();
        each_vector(p, &mut |p, env, v, l| {
            let carries = self.take(p, env, &block, (v, l));
            self.finals(p, env, &carries, results);
        });
        for _ in &self.free {
            p.close();
        }
    }

    /// The state of a vector from the arrays of its block.
    fn take(&self, p: &mut Puller<'_, '_>, env: &Env, block: &Block, (v, l): (&Index, &Index)) -> Vec<Carry> {
        self.start_with(p, env, &mut |p, i, env| {
            let Place::Step(local, strides, start) = block.place(i, v, l) else { unreachable!("an array") };
            let at = Puller::address(env, &strides).plus(&start, 1);
            p.body.bind_here(Expr::Local(local, at))
        })
    }

    fn put(
        &self,
        p: &mut Puller<'_, '_>,
        env: &Env,
        block: &Block,
        carries: &[Carry],
        (v, l): (&Index, &Index),
    ) {
        for (i, carry) in carries.iter().enumerate() {
            self.copy_state(p, env, carry, &block.place(i, v, l));
        }
    }

    /// Fills the array of a small constant.
    fn put_constant(
        &self,
        p: &mut Puller<'_, '_>,
        env: &Env,
        (outer, axes): (ValueId, &[AxisId]),
        place: &Place,
    ) {
        self.each(p, axes, env, |p, env| {
            let operand = p.pull(0, outer, env);
            p.store(place, env, operand);
        });
    }

    /// The sums along the vectors that a value is added to where it is computed: nothing else wants it later.
    pub(super) fn summed_at_once(&self, value: ValueId) -> Vec<usize> {
        let own = self.groups.of[self.body.value(value).node as usize];
        let outside = self.analysis.readers[value.0 as usize].iter().filter(|r| self.groups.of[**r] != own);
        let at_once = |r: &usize| {
            let Op::Reduce(Reduce::Sum, over) = &self.body.nodes[*r].op else { return None };
            let alone = over.len() == 1 && over.last() == self.free.last();
            self.sums.iter().position(|s| s.0 == *r).filter(|_| alone)
        };
        let found: Option<Vec<usize>> = outside.map(at_once).collect();
        match own {
            Some(_) if !self.analysis.kept[value.0 as usize] => found.unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Adds to the sums along the vectors, lane by lane.
    pub(super) fn lane_sums(&self, p: &mut Puller<'_, '_>, env: &Env, sums: &[Place]) {
        let Some(lane) = self.free.last() else { return };
        for (k, ((n, ..), place)) in self.sums.iter().zip(sums).enumerate() {
            let node = &self.body.nodes[*n];
            if self.summed_at_once(node.inputs[0]).contains(&k) {
                continue;
            }
            let mut reduction = Reduction::of(self.body, node);
            reduction.over.retain(|a| a != lane);
            let axes = self.local_axes(node.outputs[0]);
            self.each(p, &axes, env, |p, env| {
                let value = if reduction.over.is_empty() {
                    p.reduced(self.frame, &reduction, env)
                } else {
                    p.reduce(self.frame, &reduction, env, &[])
                };
                let Place::Step(local, strides, start) = place.clone() else { unreachable!("an array") };
                p.store(&Place::Sum(local, strides, start), env, value);
            });
        }
    }

    /// Joins the lanes of a chunk's sums and writes them out.
    fn join_lanes(
        &self,
        p: &mut Puller<'_, '_>,
        env: &Env,
        (c, chunk): (&Index, i64),
        sums: &[Chunked],
        block: &Index,
    ) {
        let steps = p.module.size(self.scan.axis, 1) as i64;
        for ((n, slot, strides), sum) in self.sums.iter().zip(sums) {
            p.body.changes_here(sum.local);
            let axes = self.local_axes(self.body.nodes[*n].outputs[0]);
            let of_block: i64 = strides
                .iter()
                .filter(|s| s.0 != AxisId::BATCH)
                .map(|s| p.module.size(s.0, 1) as i64)
                .product();
            let first = c.times(chunk);
            let (s, _) = open_chunk(p, &first, chunk, steps);
            let t = self.position_back(p.module, &first.plus(&s, 1));
            let mut env = with(env, &[(self.scan.axis, t)]);
            for axis in &axes {
                let at = p.open(LoopKind::Sequential, *axis);
                env.push((*axis, at));
            }
            let acc = p.body.acc(Join::Sum);
            let l = Index::var(p.body.open_over(
                LoopKind::Vector,
                Extent::fixed(self.lanes as i64),
                Over::Part("place"),
            ));
            let Place::Step(local, inner, start) = moved(sum.place(&s), &l) else { unreachable!("an array") };
            let at = Puller::address(&env, &inner).plus(&start, 1);
            let value = p.body.bind_here(Expr::Local(local, at));
            p.body.push(Stmt::Accumulate(acc, value));
            p.close();
            let value = p.body.bind_here(Expr::Acc(acc));
            let arg = p.arg(*slot, Elem::F32);
            p.body.push(Stmt::Store(arg, Puller::address(&env, strides).plus(block, of_block), value));
            for _ in 0..=axes.len() {
                p.close();
            }
        }
    }
}
