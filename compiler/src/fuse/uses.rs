//! What an input is shows in its use, not in its name or place.

use super::extract::Best;
use super::lang::{Carried, Graph, Node, Op, Operation};
use super::signs::{Parity, Signed, hashed, parity, structure};
use egg::Id;
use rustc_hash::FxHashMap;
use std::cmp::Ordering;

/// How often inputs are told apart by their use: what is the same after that is used the same.
const USES: usize = 5;

/// Who reads a class, and with which sign; 0 if that is not known.
type By = (u64, i8);

impl Best {
    /// Gives inputs and carries keys by their use in the chosen terms and nothing else: what other terms there are
    /// depends on how a text says it. Each round looks one step further.
    pub fn tell_apart(&mut self, graph: &mut Graph, results: &[Id], plain: &[u64]) {
        let (mut order, mut roots) = (Vec::new(), results.to_vec());
        self.alive(graph, &mut roots, &mut order);
        graph.analysis.others.iter_mut().zip(plain).for_each(|(other, key)| other.key = *key);
        self.keys_anew(graph, &order);
        for _ in 0..USES {
            let uses = self.uses(graph, results);
            let of_node = |(id, node): (Id, &Node)| match node.op {
                Op::Other(at) => {
                    let at = at as usize;
                    Some((at, self.told_apart(graph, at, *uses.get(&id)?)?))
                }
                _ => None,
            };
            let leaves = order.iter().map(|id| graph.find(*id));
            let leaves = leaves.flat_map(|id| graph[id].nodes.iter().map(move |node| (id, node)));
            let keys: Vec<(usize, u64)> = leaves.filter_map(of_node).collect();
            for (at, key) in keys {
                graph.analysis.others[at].key = key;
            }
            self.keys_anew(graph, &order);
        }
    }

    /// The key of an input, or of a carry, by what is done with it; a carry also by what it is made of.
    fn told_apart(&self, graph: &Graph, at: usize, use_of: u64) -> Option<u64> {
        let other = &graph.analysis.others[at];
        let structure = |id: Id| self.sign(graph, id).map(|of| (of.key.structure, of.sign));
        match other.carry {
            Some(Carried { scan, carry, after }) => {
                let carry = &graph.analysis.scans[scan].carries[carry];
                let made = self.made.get(&graph.find(carry.after)).map(|of| (of.key.structure, of.sign));
                let made = if after { made } else { made.or(structure(carry.after)) };
                Some(hashed(&(other.key, use_of, made, structure(carry.init))))
            }
            None => other.input.map(|_| hashed(&(other.key, use_of))),
        }
    }

    /// For every class that a result depends on, what is done with it.
    fn uses(&self, graph: &Graph, results: &[Id]) -> FxHashMap<Id, u64> {
        let (mut order, mut roots) = (Vec::new(), results.to_vec());
        let carries = self.alive(graph, &mut roots, &mut order);
        let mut found: FxHashMap<Id, Vec<By>> = FxHashMap::default();
        for which in carries {
            let carry = &graph.analysis.scans[which.scan].carries[which.carry];
            let before = self.key(graph, carry.before).map(|key| key.structure);
            found.entry(graph.find(carry.after)).or_default().push((hashed(&("after", before)), 1));
            found.entry(graph.find(carry.init)).or_default().push((hashed(&("init", before)), 1));
        }
        for (at, root) in results.iter().enumerate() {
            found.entry(graph.find(*root)).or_default().push((hashed(&("result", at)), 1));
        }
        let mut uses = FxHashMap::default();
        // Readers come before what they read.
        for id in order.into_iter().rev() {
            let (own, sign) = by_all(found.remove(&id).unwrap_or_default());
            uses.insert(id, own);
            let Some(node) = self.node(graph, id) else { continue };
            for (operand, by) in self.reads(graph, node, own, sign) {
                found.entry(operand).or_default().push(by);
            }
        }
        uses
    }

    /// What a node does with each of its operands, if this is what is done with it.
    fn reads(&self, graph: &Graph, node: &Node, own: u64, sign: i8) -> Vec<(Id, By)> {
        let operands = self.operands(graph, node);
        let known: Vec<Signed> = operands.iter().filter_map(|o| self.sign(graph, *o)).collect();
        let keys: Vec<u64> = known.iter().map(|signed| signed.key.structure).collect();
        let op = structure(graph, &node.op);
        let sign_of = |place: usize| match (&node.op, parity(&node.op)) {
            // In a product the signs of the other factors count.
            (Op::Product, _) => {
                let others = known.iter().enumerate().filter(|other| other.0 != place);
                sign * others.map(|(_, signed)| signed.sign).product::<i8>()
            }
            (Op::Sum, _) | (_, Parity::Odd) => sign,
            (_, Parity::Even) => 0,
            (_, Parity::Neither) => 1,
        };
        let by = |(place, operand): (usize, &Id)| {
            let seen = if node.op.is_commutative() { 0 } else { place };
            (graph.find(*operand), (hashed(&(own, op, seen, &keys)), sign_of(place)))
        };
        operands.iter().enumerate().map(by).collect()
    }
}

/// What is done with a class by all who read it, the same for its negative; and whether that is the other way round.
fn by_all(mut readers: Vec<By>) -> (u64, i8) {
    let mut turned: Vec<By> = readers.iter().map(|(by, sign)| (*by, -sign)).collect();
    readers.sort_unstable();
    turned.sort_unstable();
    match readers.cmp(&turned) {
        Ordering::Less => (hashed(&readers), 1),
        Ordering::Equal => (hashed(&readers), 0),
        Ordering::Greater => (hashed(&turned), -1),
    }
}
