//! Ways to say an operation differently.

use super::respell::{Copy, Edit};
use arch_compiler::graph::{AxisId, Builder, Function, Input, InputKind, Node, ValueId};
use arch_compiler::ops::{Map, Op, Reduce, Scan, View};
use std::sync::Arc;

type Say = fn(&mut Copy<'_, '_>, &Node, usize, &[ValueId]) -> Option<ValueId>;

/// All ways to say a map, a reduction or a contraction, by name.
pub const WAYS: &[(&str, Say)] = &[
    ("commute", |c, n, _, i| match n.op {
        Op::Map(m @ (Map::Add | Map::Mul | Map::Min | Map::Max)) => Some(c.map(m, &[i[1], i[0]])),
        Op::Contract(_) => Some(c.add(n.op.clone(), &[i[1], i[0]])),
        _ => None,
    }),
    ("reassociate", |c, n, _, i| {
        let Op::Map(m @ (Map::Add | Map::Mul)) = n.op else { return None };
        let (a, b) = operands(c, n.inputs[0], m)?;
        let inner = c.map(m, &[b, i[1]]);
        Some(c.map(m, &[a, inner]))
    }),
    ("minus", |c, n, choice, i| match (&n.op, choice % 2) {
        (Op::Map(Map::Add), _) => {
            let b = c.map(Map::Neg, &[i[1]]);
            Some(c.map(Map::Sub, &[i[0], b]))
        }
        (Op::Map(Map::Sub), 0) => {
            let b = c.map(Map::Neg, &[i[1]]);
            Some(c.map(Map::Add, &[b, i[0]]))
        }
        (Op::Map(Map::Sub), _) => {
            let d = c.map(Map::Sub, &[i[1], i[0]]);
            Some(c.map(Map::Neg, &[d]))
        }
        (Op::Map(Map::Mul), _) => {
            let a = c.map(Map::Neg, &[i[0]]);
            let p = c.map(Map::Mul, &[a, i[1]]);
            Some(c.map(Map::Neg, &[p]))
        }
        (Op::Map(Map::Neg), 0) => {
            let minus = c.number(-1.0);
            Some(c.map(Map::Mul, &[i[0], minus]))
        }
        (Op::Map(Map::Neg), _) => {
            let zero = c.number(0.0);
            Some(c.map(Map::Sub, &[zero, i[0]]))
        }
        _ => None,
    }),
    ("quotient", |c, n, choice, i| {
        let Op::Map(Map::Div) = n.op else { return None };
        let inverse = match choice % 2 {
            0 => {
                let one = c.number(1.0);
                c.map(Map::Div, &[one, i[1]])
            }
            _ => {
                let minus = c.number(-1.0);
                c.map(Map::Pow, &[i[1], minus])
            }
        };
        Some(c.map(Map::Mul, &[inverse, i[0]]))
    }),
    ("roots", |c, n, choice, i| match (&n.op, choice % 2) {
        (Op::Map(Map::Rsqrt), 0) => {
            let (root, one) = (c.map(Map::Sqrt, &[i[0]]), c.number(1.0));
            Some(c.map(Map::Div, &[one, root]))
        }
        (Op::Map(Map::Rsqrt), _) => {
            let half = c.number(-0.5);
            Some(c.map(Map::Pow, &[i[0], half]))
        }
        (Op::Map(Map::Sqrt), _) => {
            let half = c.number(0.5);
            Some(c.map(Map::Pow, &[i[0], half]))
        }
        _ => None,
    }),
    ("activation", |c, n, choice, i| match (&n.op, choice % 2) {
        (Op::Map(Map::Sigmoid), 0) => {
            let (x, one) = (c.map(Map::Neg, &[i[0]]), c.number(1.0));
            let e = c.map(Map::Exp, &[x]);
            let d = c.map(Map::Add, &[e, one]);
            Some(c.map(Map::Div, &[one, d]))
        }
        (Op::Map(Map::Sigmoid), _) => {
            let half = c.number(0.5);
            let x = c.map(Map::Mul, &[i[0], half]);
            let t = c.map(Map::Tanh, &[x]);
            let t = c.map(Map::Mul, &[t, half]);
            Some(c.map(Map::Add, &[half, t]))
        }
        (Op::Map(Map::Softplus), _) => {
            let (e, one) = (c.map(Map::Exp, &[i[0]]), c.number(1.0));
            let s = c.map(Map::Add, &[one, e]);
            Some(c.map(Map::Log, &[s]))
        }
        _ => None,
    }),
    ("distribute", |c, n, choice, i| {
        let Op::Map(Map::Mul) = n.op else { return None };
        let (sum, factor) = if choice % 2 == 0 { (0, i[1]) } else { (1, i[0]) };
        let (a, b) = operands(c, n.inputs[sum], Map::Add)?;
        let (a, b) = (c.map(Map::Mul, &[a, factor]), c.map(Map::Mul, &[factor, b]));
        Some(c.map(Map::Add, &[a, b]))
    }),
    ("number", |c, n, _, i| {
        let Op::Map(Map::Mul | Map::Add | Map::Exp) = n.op else { return None };
        let (two, half) = (c.number(2.0), c.number(0.5));
        let x = c.map(Map::Mul, &[i[0], two]);
        let x = c.map(Map::Mul, &[half, x]);
        let rest = i.get(1).copied();
        let inputs: Vec<ValueId> = [x].into_iter().chain(rest).collect();
        Some(c.add(n.op.clone(), &inputs))
    }),
    ("contraction", |c, n, _, i| {
        let Op::Contract(over) = &n.op else { return None };
        let product = c.map(Map::Mul, &[i[0], i[1]]);
        Some(c.add(Op::Reduce(Reduce::Sum, over.clone()), &[product]))
    }),
    ("sum by sum", |c, n, _, i| {
        let Op::Reduce(Reduce::Sum, over) = &n.op else { return None };
        let (first, rest) = over.split_first().filter(|(_, rest)| !rest.is_empty())?;
        let inner = c.add(Op::Reduce(Reduce::Sum, rest.to_vec()), &[i[0]]);
        Some(c.add(Op::Reduce(Reduce::Sum, vec![*first]), &[inner]))
    }),
    ("push into a sum", |c, n, choice, i| {
        let Op::Map(Map::Mul) = n.op else { return None };
        let (sum, factor) = if choice % 2 == 0 { (0, i[1]) } else { (1, i[0]) };
        let producer = c.source.producer(n.inputs[sum]).clone();
        let over = match &producer.op {
            Op::Reduce(Reduce::Sum, over) | Op::Contract(over) => over.clone(),
            _ => return None,
        };
        let (inner, shape) = (c.known(producer.inputs[0]), c.b.shape(factor).to_vec());
        if shape.iter().any(|a| over.contains(a)) {
            return None;
        }
        let inner = c.map(Map::Mul, &[inner, factor]);
        let rest: Vec<ValueId> = producer.inputs[1..].iter().map(|v| c.known(*v)).collect();
        Some(c.add(producer.op, &[vec![inner], rest].concat()))
    }),
    ("normalise late", |c, n, choice, i| {
        let Op::Contract(over) = &n.op else { return None };
        let at = choice % 2;
        let (a, d) = operands(c, n.inputs[at], Map::Div)?;
        let has = |c: &Copy<'_, '_>, v: ValueId| over.iter().all(|x| c.b.shape(v).contains(x));
        if over.iter().any(|x| c.b.shape(d).contains(x)) || !has(c, a) {
            return None;
        }
        let sum = c.add(n.op.clone(), &[a, i[1 - at]]);
        let wide = c.map(Map::Div, &[sum, d]);
        Some(wide)
    }),
    ("reversed", |c, n, choice, i| {
        let axes: Vec<AxisId> = c.source.value(n.outputs[0]).shape.clone();
        let axes: Vec<AxisId> =
            axes.into_iter().filter(|a| *a != AxisId::BATCH && Some(*a) != c.along).collect();
        let axis = *axes.get(choice % axes.len().max(1))?;
        let is_map = matches!(n.op, Op::Map(m) if m != Map::Broadcast);
        if !is_map && !matches!(n.op, Op::Reduce(..) | Op::Contract(_)) {
            return None;
        }
        let inputs: Vec<ValueId> = i.iter().map(|v| c.flip(*v, axis)).collect();
        let value = c.add(n.op.clone(), &inputs);
        Some(c.flip(value, axis))
    }),
    ("summed backwards", |c, n, _, i| {
        let over = match &n.op {
            Op::Reduce(_, over) | Op::Contract(over) => over.clone(),
            _ => return None,
        };
        let axis = over.into_iter().find(|a| *a != AxisId::BATCH)?;
        let inputs: Vec<ValueId> = i.iter().map(|v| c.flip(*v, axis)).collect();
        Some(c.add(n.op.clone(), &inputs))
    }),
    ("softmax of scores as they are", |c, n, _, i| {
        // exp(s - m) is read by nothing but a sum and the quotient with it: m falls out of that.
        let Op::Map(Map::Sub) = n.op else { return None };
        let readers = |v: ValueId| {
            let reads = c.source.nodes.iter().filter(move |r| r.inputs.contains(&v));
            let results = c.source.outputs.iter().filter(|o| o.1 == v).count();
            (reads.cloned().collect::<Vec<Node>>(), results)
        };
        let (exps, 0) = readers(n.outputs[0]) else { return None };
        let [Node { op: Op::Map(Map::Exp), outputs, .. }] = exps.as_slice() else { return None };
        let (users, 0) = readers(outputs[0]) else { return None };
        let sum = users.iter().find_map(|u| match &u.op {
            Op::Reduce(Reduce::Sum, over) => Some((u.outputs[0], over.clone())),
            _ => None,
        });
        let (sum, over) = sum?;
        let shift = c.source.value(n.inputs[1]).shape.clone();
        let quotients = users.iter().all(|u| {
            u.outputs[0] == sum
                || (u.op == Op::Map(Map::Div) && u.inputs[1] == sum && u.inputs[0] == outputs[0])
        });
        let (sums, 0) = readers(sum) else { return None };
        let quotients =
            quotients && sums.iter().all(|s| s.op == Op::Map(Map::Div) && s.inputs[0] == outputs[0]);
        let same = c.b.shape(i[0]).len() == c.source.value(n.outputs[0]).shape.len();
        (quotients && same && !shift.iter().any(|a| over.contains(a))).then(|| i[0])
    }),
];

/// The ways to say a scan.
pub const SCANS: &[&str] =
    &["go backwards", "give in another order", "compute before", "map outside", "map inside"];

/// The new values of the operands of a map that made a value.
fn operands(c: &Copy<'_, '_>, value: ValueId, map: Map) -> Option<(ValueId, ValueId)> {
    let node = c.source.producer(value);
    let is_float = node.inputs.iter().all(|v| c.source.value(*v).storage.is_float());
    (node.op == Op::Map(map) && is_float).then(|| (c.known(node.inputs[0]), c.known(node.inputs[1])))
}

/// Says a node differently, if the way suits it.
pub fn say(c: &mut Copy<'_, '_>, node: &Node, edit: &Edit, inputs: &[ValueId]) -> Option<ValueId> {
    let is_float = |v: &ValueId| c.source.value(*v).storage.is_float();
    if !node.inputs.iter().chain(&node.outputs).all(is_float) {
        return None;
    }
    let way = WAYS.iter().find(|w| w.0 == edit.way)?;
    (way.1)(c, node, edit.choice, inputs)
}

/// Says a scan differently: what it reads and its step are changed in place; `after` collects what is to be done
/// with its results.
pub fn scan(
    c: &mut Copy<'_, '_>,
    (node, edit): (&Node, &Edit),
    scan: &mut Scan,
    inputs: &mut Vec<ValueId>,
    after: &mut Vec<(&'static str, usize)>,
) {
    match edit.way {
        "go backwards" => {
            for value in &mut inputs[scan.carries..scan.carries + scan.sequences] {
                *value = c.flip(*value, scan.axis);
            }
            scan.reverse = !scan.reverse;
            after.push(("reverse", 0));
        }
        "give in another order" => {
            let mut body = Function::clone(&scan.body);
            let sequences = scan.carries..scan.carries + scan.sequences;
            body.inputs[sequences.clone()].reverse();
            inputs[sequences.clone()].reverse();
            body.inputs[sequences.end..].reverse();
            inputs[sequences.end..].reverse();
            scan.body = Arc::new(body);
        }
        "compute before" => before(c, edit.choice, scan, inputs),
        "map outside" if scan.yields > 0 && !after.iter().any(|a| a.0 == "map") => {
            outside(edit.choice, scan, after);
        }
        "map inside" => inside(c, node, edit.choice, scan, inputs),
        _ => {}
    }
}

/// Gives the step one more input, sequences before constants.
fn with_input(scan: &mut Scan, inputs: &mut Vec<ValueId>, c: &mut Copy<'_, '_>, given: ValueId) -> ValueId {
    let mut body = Function::clone(&scan.body);
    let mut shape = c.b.shape(given).to_vec();
    let is_sequence = shape.contains(&scan.axis);
    shape.retain(|a| *a != scan.axis);
    let dtype = c.b.function.value(given).storage;
    let mut b = Builder::new(c.b.module, "step");
    std::mem::swap(&mut b.function, &mut body);
    let name = format!("more.{}", b.function.inputs.len());
    let value = b.input(name, InputKind::Argument, shape, dtype);
    let mut body = b.function;
    let input: Input = body.inputs.pop().expect("it was added");
    let place = if is_sequence { scan.carries + scan.sequences } else { body.inputs.len() };
    body.inputs.insert(place, input);
    inputs.insert(place, given);
    scan.sequences += usize::from(is_sequence);
    scan.body = Arc::new(sorted(&body));
    value
}

/// A map in the step that reads no carry is computed before the scan.
fn before(c: &mut Copy<'_, '_>, choice: usize, scan: &mut Scan, inputs: &mut Vec<ValueId>) {
    let body = Arc::clone(&scan.body);
    let outer = |v: ValueId| {
        let at = body.inputs.iter().position(|i| i.value == v)?;
        (at >= scan.carries).then(|| inputs[at])
    };
    let movable = |n: &&Node| {
        let is_map = matches!(n.op, Op::Map(m) if m != Map::Broadcast);
        let known = |v: &ValueId| outer(*v).is_some() || matches!(body.producer(*v).op, Op::Constant(_));
        is_map && n.inputs.iter().all(known) && n.inputs.iter().any(|v| outer(*v).is_some())
    };
    let found: Vec<&Node> = body.nodes.iter().filter(movable).collect();
    let Some(node) = found.get(choice % found.len().max(1)) else { return };
    let mut given = Vec::new();
    for v in &node.inputs {
        given.push(match (outer(*v), &body.producer(*v).op) {
            (Some(value), _) => value,
            (None, number) => c.add(number.clone(), &[]),
        });
    }
    let value = c.add(node.op.clone(), &given);
    let (old, shape) = (node.outputs[0], body.value(node.outputs[0]).shape.clone());
    let mut order = shape;
    if c.b.shape(value).contains(&scan.axis) {
        order.insert(usize::from(order.first() == Some(&AxisId::BATCH)), scan.axis);
    }
    let value = c.stored(value, &order);
    let new = with_input(scan, inputs, c, value);
    let mut body = Function::clone(&scan.body);
    let replace = |v: &mut ValueId| {
        if *v == old {
            *v = new;
        }
    };
    body.nodes.iter_mut().flat_map(|n| n.inputs.iter_mut()).for_each(replace);
    body.outputs.iter_mut().map(|o| &mut o.1).for_each(replace);
    scan.body = Arc::new(sorted(&body));
}

/// The last operation of a yield is done outside: its operands are yielded instead.
fn outside(choice: usize, scan: &mut Scan, after: &mut Vec<(&'static str, usize)>) {
    let which = choice % scan.yields;
    let mut body = Function::clone(&scan.body);
    let value = body.outputs[scan.carries + which].1;
    let node = body.producer(value).clone();
    let suits = matches!(node.op, Op::Map(m) if m != Map::Broadcast) || matches!(node.op, Op::Reduce(..));
    let is_float = |v: &ValueId| body.value(*v).storage.is_float();
    let is_fixed = |v: &ValueId| {
        let at = body.inputs.iter().position(|i| i.value == *v);
        at.is_some_and(|at| at >= scan.carries + scan.sequences)
            || matches!(body.producer(*v).op, Op::Constant(_))
    };
    // What is the same at all positions is no sequence.
    if !suits || node.inputs.iter().any(is_fixed) || !node.inputs.iter().all(is_float) {
        return;
    }
    for (at, operand) in node.inputs.iter().enumerate() {
        body.outputs.insert(scan.carries + scan.yields + at, (format!("operand.{at}"), *operand));
    }
    scan.yields += node.inputs.len();
    scan.body = Arc::new(body);
    after.push(("map", which));
}

/// A map that makes a sequence is done in the step.
fn inside(c: &mut Copy<'_, '_>, node: &Node, choice: usize, scan: &mut Scan, inputs: &mut Vec<ValueId>) {
    if scan.sequences == 0 {
        return;
    }
    let place = scan.carries + choice % scan.sequences;
    let outer = c.b.function.producer(inputs[place]).clone();
    let is_map = matches!(outer.op, Op::Map(m) if m != Map::Broadcast);
    let is_float = |v: &ValueId| c.b.function.value(*v).storage.is_float();
    if !is_map || !outer.inputs.iter().all(is_float) || node.outputs.is_empty() {
        return;
    }
    let old = scan.body.inputs[place].value;
    let operands: Vec<ValueId> = outer.inputs.iter().map(|v| with_input(scan, inputs, c, *v)).collect();
    let shape = scan.body.value(old).shape.clone();
    let mut b = Builder::new(c.b.module, "step");
    b.function = Function::clone(&scan.body);
    let made = b.add1(outer.op, &operands).expect("the map fits one position");
    let made = match b.shape(made) == shape.as_slice() {
        true => made,
        false => b.add1(Op::View(View::Transpose(shape)), &[made]).expect("the axes are the same"),
    };
    let mut body = b.function;
    let first = scan.body.values.len() as u32;
    for step in body.nodes.iter_mut().filter(|n| n.outputs.iter().all(|v| v.0 < first)) {
        step.inputs.iter_mut().filter(|v| **v == old).for_each(|v| *v = made);
    }
    body.outputs.iter_mut().filter(|o| o.1 == old).for_each(|o| o.1 = made);
    scan.body = Arc::new(sorted(&body));
}

/// The same function with its nodes in an order in which they can be computed.
fn sorted(body: &Function) -> Function {
    let mut result = body.clone();
    let mut done = vec![false; body.values.len()];
    let mut order: Vec<usize> = Vec::new();
    while order.len() < body.nodes.len() {
        for (n, node) in body.nodes.iter().enumerate() {
            if !order.contains(&n) && node.inputs.iter().all(|v| done[v.0 as usize]) {
                node.outputs.iter().for_each(|v| done[v.0 as usize] = true);
                order.push(n);
            }
        }
    }
    result.nodes = order.iter().map(|n| body.nodes[*n].clone()).collect();
    for (n, node) in result.nodes.iter().enumerate() {
        for output in &node.outputs {
            result.values[output.0 as usize].node = n as u32;
        }
    }
    result
}

/// What the scan's results are, now that it says something else.
pub fn results(
    c: &mut Copy<'_, '_>,
    scan: &Scan,
    mut results: Vec<ValueId>,
    after: &[(&'static str, usize)],
) -> Vec<ValueId> {
    let backwards = after.iter().filter(|a| a.0 == "reverse").count() % 2 == 1;
    if backwards {
        for value in &mut results[..scan.yields] {
            *value = c.flip(*value, scan.axis);
        }
    }
    if let Some((_, which)) = after.iter().find(|a| a.0 == "map") {
        let value = scan.body.outputs[scan.carries + which].1;
        let node = scan.body.producer(value).clone();
        let first = scan.yields - node.inputs.len();
        let operands: Vec<ValueId> = results[first..scan.yields].to_vec();
        results[*which] = c.add(node.op, &operands);
        results.drain(first..scan.yields);
    }
    results
}
