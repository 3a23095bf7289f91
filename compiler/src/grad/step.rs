//! One step of the scan that goes back.

use super::backward::{Backward, Lane, Taken};
use super::derive::{differentiate, order_inputs};
use super::scan::{final_carries, of_body};
use crate::graph::{AxisId, Builder, DType, InputKind, Module, ValueId};
use crate::ops::{Map, Op, Scan, ShapeError};
use std::collections::BTreeSet;

/// What an input of the scan that goes back is.
pub(super) enum Part {
    /// The cotangent of a carry, with its shape. Starts with those of the finals that it is.
    Carry((usize, Lane), Vec<AxisId>),
    /// The sum of the cotangents of an input of the forward scan that is a constant. Starts with zeros.
    Sum(usize, Vec<AxisId>),
    /// The cotangent of a result of the forward scan: a sequence for a yield, a state for a final.
    Result(usize),
    /// The carry before each step.
    Before(usize),
    /// An input of the forward scan.
    Given(usize),
}

/// A step that goes back.
pub(super) struct Step {
    /// The scan, but for its direction.
    pub scan: Scan,
    /// For each result of the scan, the input of the forward scan whose cotangent it is.
    pub results: Vec<usize>,
    parts: Vec<Part>,
    carries: Vec<(usize, Lane)>,
}

/// An input of the step while the step is built: a state has its new value.
struct State {
    part: Part,
    input: ValueId,
    new: ValueId,
}

/// The cotangent of a new carry.
struct Carried {
    carry: (usize, Lane),
    input: ValueId,
}

impl Step {
    /// Builds a step. `given` holds the shapes of the cotangents of the forward scan's results, where there
    /// are any; `lanes` the carries that have cotangents.
    pub fn build(
        module: &mut Module,
        scan: &Scan,
        active: &[bool],
        given: &[Option<Vec<AxisId>>],
        lanes: &BTreeSet<(usize, Lane)>,
    ) -> Result<Step, ShapeError> {
        let builder = Builder::new(module, format!("{}.backward", scan.body.name));
        let mut b = Backward::new(builder, &scan.body, true);
        let carried = carried_inputs(&mut b, scan, lanes)?;
        let results = result_inputs(&mut b, scan, given)?;
        for node in (0..scan.body.nodes.len()).rev() {
            b.builder.origin = scan.body.nodes[node].origin;
            differentiate(&mut b, node, active)?;
        }
        let mut states = new_carries(&mut b, &carried)?;
        let (held, sequences): (Vec<_>, Vec<_>) = results.into_iter().partition(|r| r.0 >= scan.yields);
        for (at, input) in held {
            let zero = b.constant(0.0)?;
            let new = b.builder.add1(Op::Map(Map::Broadcast), &[zero, input])?;
            states.push(State { part: Part::Result(at), input, new });
        }
        let (mut yields, mut carries) = (Vec::new(), Vec::new());
        for (at, input) in scan.body.inputs.iter().enumerate() {
            for lane in [Lane::Whole, Lane::PerSample] {
                match b.cotangent(input.value, lane).filter(|_| active[input.value.0 as usize]) {
                    None => {}
                    Some(_) if at < scan.carries => carries.push((at, lane)),
                    Some(g) if at < scan.carries + scan.sequences => yields.push((at, g)),
                    Some(g) => states.push(running_sum(&mut b, at, g)?),
                }
            }
        }
        Ok(finish(b, scan, states, sequences, yields, carries))
    }

    /// The carries that turned out to have cotangents.
    pub fn carries(&self) -> impl Iterator<Item = (usize, Lane)> + '_ {
        self.carries.iter().copied()
    }

    /// The inputs of the scan, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// Declares the cotangents of the new carries.
fn carried_inputs(
    b: &mut Backward,
    scan: &Scan,
    lanes: &BTreeSet<(usize, Lane)>,
) -> Result<Vec<Carried>, ShapeError> {
    let mut carried = Vec::with_capacity(lanes.len());
    for (carry, lane) in lanes {
        let new = scan.body.outputs[*carry].1;
        let shape = Backward::lane_shape(&scan.body.value(new).shape, *lane);
        let mark = if *lane == Lane::Whole { "" } else { ".samples" };
        let name = format!("{}.grad{mark}", scan.body.inputs[*carry].name);
        let input = b.builder.input(name, InputKind::Argument, shape, DType::F32);
        b.accumulate_in(new, *lane, input)?;
        carried.push(Carried { carry: (*carry, *lane), input });
    }
    Ok(carried)
}

/// Declares the cotangents of yields and of those finals that are not carries.
fn result_inputs(
    b: &mut Backward,
    scan: &Scan,
    given: &[Option<Vec<AxisId>>],
) -> Result<Vec<(usize, ValueId)>, ShapeError> {
    let with_carry = final_carries(scan);
    let mut results = Vec::new();
    for (at, shape) in given.iter().enumerate() {
        let Some(shape) = shape else { continue };
        if with_carry.iter().any(|(done, _)| done + scan.yields == at) {
            continue;
        }
        let (name, value) = &scan.body.outputs[scan.carries + at];
        let shape = shape.iter().copied().filter(|a| *a != scan.axis).collect();
        let input =
            b.builder.input(format!("{name}.result.{at}.grad"), InputKind::Argument, shape, DType::F32);
        b.accumulate_in(*value, Lane::Whole, input)?;
        results.push((at, input));
    }
    Ok(results)
}

/// The cotangents of the old carries, which are those of the new carries one step further back.
fn new_carries(b: &mut Backward, carried: &[Carried]) -> Result<Vec<State>, ShapeError> {
    let mut states = Vec::with_capacity(carried.len());
    for Carried { carry: (carry, lane), input } in carried {
        let old = b.forward.inputs[*carry].value;
        let shape = b.builder.shape(*input).to_vec();
        let new = match b.cotangent(old, *lane) {
            Some(g) => b.ordered(g, &shape)?,
            None => {
                let zero = b.constant(0.0)?;
                b.builder.add1(Op::Map(Map::Broadcast), &[zero, *input])?
            }
        };
        states.push(State { part: Part::Carry((*carry, *lane), shape), input: *input, new });
    }
    Ok(states)
}

/// A state that adds a constant's cotangents up.
fn running_sum(b: &mut Backward, at: usize, g: ValueId) -> Result<State, ShapeError> {
    let shape = b.builder.shape(g).to_vec();
    let mark = if shape.first() == Some(&AxisId::BATCH) { ".samples" } else { "" };
    let name = format!("{}.sum{mark}", b.forward.inputs[at].name);
    let input = b.builder.input(name, InputKind::Argument, shape.clone(), DType::F32);
    let new = b.builder.add1(Op::Map(Map::Add), &[input, g])?;
    Ok(State { part: Part::Sum(at, shape), input, new })
}

/// Puts the inputs and outputs of the step into the order of a scan.
fn finish(
    b: Backward,
    scan: &Scan,
    states: Vec<State>,
    sequences: Vec<(usize, ValueId)>,
    yields: Vec<(usize, ValueId)>,
    carries: Vec<(usize, Lane)>,
) -> Step {
    let Backward { builder, taken, forward, .. } = b;
    let mut body = builder.function;
    let mut order: Vec<ValueId> = states.iter().map(|s| s.input).collect();
    let (mut parts, mut constants) = (Vec::new(), Vec::new());
    let (state_count, mut sequence_count) = (states.len(), sequences.len());
    let mut results: Vec<usize> = yields.iter().map(|y| y.0).collect();
    let mut outputs: Vec<ValueId> = states.iter().map(|s| s.new).collect();
    outputs.extend(yields.iter().map(|y| y.1));
    for state in states {
        if let Part::Carry((at, _), _) | Part::Sum(at, _) = state.part {
            results.push(at);
            outputs.push(state.new);
        }
        parts.push(state.part);
    }
    for (at, input) in sequences {
        order.push(input);
        parts.push(Part::Result(at));
    }
    for (what, input) in taken {
        let at = forward.inputs.iter().position(|i| what == Taken::Value(i.value)).unwrap_or(0);
        if at >= scan.carries + scan.sequences {
            constants.push((at, input));
            continue;
        }
        sequence_count += 1;
        order.push(input);
        parts.push(if at < scan.carries { Part::Before(at) } else { Part::Given(at) });
    }
    for (at, input) in constants {
        order.push(input);
        parts.push(Part::Given(at));
    }
    order_inputs(&mut body, &order);
    let finals = outputs.len() - state_count - yields.len();
    body.outputs = outputs.into_iter().enumerate().map(|(at, id)| (format!("result.{at}"), id)).collect();
    let scan = of_body(scan.axis, body, [state_count, sequence_count, yields.len(), finals]);
    Step { scan, results, parts, carries }
}
