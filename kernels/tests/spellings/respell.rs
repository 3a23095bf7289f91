//! Respelling a graph by algebra at random: what it computes stays, how it is said changes.
//!
//! An edit is a node and a way to say it differently. All edits of a program are made in one pass over it, so that
//! any subset of them is a respelling as well: that is what a failing one is shrunk by.

use super::ways::{self, SCANS, WAYS};
use arch_compiler::graph::{AxisId, Builder, FuncId, Function, Module, Node, ValueId};
use arch_compiler::ops::{Map, Op, ShapeError, View};
use std::collections::BTreeMap;

/// Numbers that look random and follow from a seed (Steele, Lea and Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }
}

/// Where an edit is made: a node of the function, and in a scan a node of its step.
pub type Site = (usize, Option<usize>);

/// One way to say one node differently, with a number for what the way may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub site: Site,
    pub way: &'static str,
    pub choice: usize,
}

/// Up to so many edits of a program, at random.
pub fn edits(function: &Function, random: &mut Random, most: usize) -> Vec<Edit> {
    let names: Vec<&'static str> = WAYS.iter().map(|w| w.0).collect();
    let mut sites: Vec<(Site, &[&'static str])> = Vec::new();
    for (n, node) in function.nodes.iter().enumerate() {
        match &node.op {
            Op::Input | Op::Constant(_) | Op::Tensor(_) | Op::Iota(_) => {}
            Op::Scan(scan) => {
                let step = (0..scan.body.nodes.len()).filter(|at| scan.body.nodes[*at].op != Op::Input);
                sites.extend(step.map(|at| ((n, Some(at)), names.as_slice())));
                // A scan is one node among many, and the most interesting.
                sites.extend((0..8).map(|_| ((n, None), SCANS)));
            }
            _ => sites.push(((n, None), names.as_slice())),
        }
    }
    let edit = |random: &mut Random| {
        let (site, ways) = sites[random.below(sites.len())];
        Edit { site, way: ways[random.below(ways.len())], choice: random.below(1 << 16) }
    };
    (0..random.below(most) + 1).map(|_| edit(random)).collect()
}

/// A function that is written anew.
pub struct Copy<'a, 'm> {
    pub b: Builder<'m>,
    pub source: &'a Function,
    /// The new values of the old ones.
    pub values: Vec<ValueId>,
    /// The axis of the scan whose step is copied.
    pub along: Option<AxisId>,
}

impl Copy<'_, '_> {
    pub fn known(&self, old: ValueId) -> ValueId {
        self.values[old.0 as usize]
    }

    pub fn add(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.b.add1(op, inputs).expect("a way fits")
    }

    pub fn map(&mut self, map: Map, inputs: &[ValueId]) -> ValueId {
        self.add(Op::Map(map), inputs)
    }

    pub fn number(&mut self, value: f64) -> ValueId {
        self.add(Op::Constant(value), &[])
    }

    pub fn flip(&mut self, value: ValueId, axis: AxisId) -> ValueId {
        match self.b.shape(value).contains(&axis) {
            true => self.add(Op::View(View::Flip(axis)), &[value]),
            false => value,
        }
    }

    pub fn stored(&mut self, value: ValueId, shape: &[AxisId]) -> ValueId {
        match self.b.shape(value) == shape {
            true => value,
            false => self.add(Op::View(View::Transpose(shape.to_vec())), &[value]),
        }
    }

    /// Copies a function with some nodes said differently.
    fn run(&mut self, edits: &[Edit], step: Option<usize>) -> Result<(), ShapeError> {
        let source = self.source;
        for input in &source.inputs {
            let value = source.value(input.value);
            let new = self.b.input(&input.name, input.kind.clone(), value.shape.clone(), value.storage);
            self.values[input.value.0 as usize] = new;
        }
        for (n, node) in source.nodes.iter().enumerate().filter(|(_, n)| n.op != Op::Input) {
            let site = if step.is_some() { (step.unwrap_or_default(), Some(n)) } else { (n, None) };
            let mut here = edits.iter().filter(|e| e.site == site);
            let inputs: Vec<ValueId> = node.inputs.iter().map(|v| self.known(*v)).collect();
            let new = match &node.op {
                Op::Scan(_) => self.scan(n, node, edits)?,
                _ => match here.find_map(|e| ways::say(self, node, e, &inputs)) {
                    Some(new) => vec![new],
                    None if matches!(node.op, Op::Call { .. }) => {
                        let inputs = self.in_old_order(node);
                        self.b.add(node.op.clone(), &inputs)?
                    }
                    None => self.b.add(node.op.clone(), &inputs)?,
                },
            };
            for (old, new) in node.outputs.iter().zip(new) {
                self.values[old.0 as usize] = new;
            }
        }
        for (name, old) in &source.outputs {
            let value = self.stored(self.known(*old), &source.value(*old).shape);
            self.b.output(name, value);
        }
        Ok(())
    }

    fn in_old_order(&mut self, node: &Node) -> Vec<ValueId> {
        let source = self.source;
        node.inputs.iter().map(|v| self.stored(self.known(*v), &source.value(*v).shape)).collect()
    }

    fn scan(&mut self, n: usize, node: &Node, edits: &[Edit]) -> Result<Vec<ValueId>, ShapeError> {
        let Op::Scan(scan) = &node.op else { unreachable!("the caller has seen a scan") };
        let mut inputs = self.in_old_order(node);
        let mut scan = scan.clone();
        let body = Function::clone(&scan.body);
        scan.body = std::sync::Arc::new(copied(self.b.module, &body, edits, Some((n, scan.axis)))?);
        let mut after: Vec<(&'static str, usize)> = Vec::new();
        for edit in edits.iter().filter(|e| e.site == (n, None)) {
            ways::scan(self, (node, edit), &mut scan, &mut inputs, &mut after);
        }
        let results = self.b.add(Op::Scan(scan.clone()), &inputs)?;
        Ok(ways::results(self, &scan, results, &after))
    }
}

fn copied(
    module: &mut Module,
    source: &Function,
    edits: &[Edit],
    step: Option<(usize, AxisId)>,
) -> Result<Function, ShapeError> {
    let mut copy = Copy {
        b: Builder::new(module, source.name.clone()),
        source,
        values: vec![ValueId(u32::MAX); source.values.len()],
        along: step.map(|s| s.1),
    };
    copy.run(edits, step.map(|s| s.0))?;
    Ok(copy.b.function)
}

/// Adds the function with these edits made.
pub fn respelled(module: &mut Module, function: FuncId, edits: &[Edit]) -> FuncId {
    let source = module.function(function).clone();
    let new = copied(module, &source, edits, None).expect("a respelling fits");
    module.add_function(new)
}

/// The fewest of these edits that still fail: edits are left out one by one, many at a time first.
pub fn shrunk(mut edits: Vec<Edit>, fails: impl Fn(&[Edit]) -> bool) -> Vec<Edit> {
    let mut size = edits.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < edits.len() {
            let mut fewer = edits.clone();
            fewer.drain(at..(at + size).min(fewer.len()));
            if fails(&fewer) {
                edits = fewer;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    edits
}

/// How often each way was chosen.
pub fn tally(edits: &[Edit], into: &mut BTreeMap<&'static str, usize>) {
    edits.iter().for_each(|e| *into.entry(e.way).or_default() += 1);
}
