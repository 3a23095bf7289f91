//! Sessions: nothing is stale, errors leave them usable, state is kept, limits are said.

use super::*;
use arch_compiler::ops::{Map, Reduce, View};

/// `y = sum(x * w)` over an axis, `z = y`'s double; `w` becomes `w + x[0]`.
fn programs() -> (Module, [FuncId; 2]) {
    let mut module = Module::default();
    let d = module.add_axis("D", 3);
    let mut b = Builder::new(&mut module, "one");
    let x = float(&mut b, "x", &[BATCH, d]);
    let w = b.input("w", InputKind::Parameter, vec![d], DType::F32);
    let y = b.add1(Op::Contract(vec![d]), &[x, w]).unwrap();
    b.output("y", y);
    b.output("seen", w);
    let one = b.finish();
    let mut b = Builder::new(&mut module, "two");
    let x = float(&mut b, "x", &[BATCH, d]);
    let w = b.input("w", InputKind::Parameter, vec![d], DType::F32);
    let sum = b.add1(Op::Reduce(Reduce::Sum, vec![BATCH]), &[x]).unwrap();
    let new = b.add1(Op::Map(Map::Add), &[w, sum]).unwrap();
    b.function.updates.push((w, new));
    b.output("sum", sum);
    let two = b.finish();
    (module, [one, two])
}

fn read(session: &Primitive, name: &str) -> Vec<f32> {
    let mut data = vec![0.0; session.len(name).unwrap()];
    session.read(name, &mut data).unwrap();
    data
}

fn session() -> Primitive {
    let (module, [one, two]) = programs();
    let mut session = Primitive::new(&module, &[("one", one), ("two", two)], 2).unwrap();
    session.write("w", Data::Float(&[1.0, 10.0, 100.0])).unwrap();
    session.write("x", Data::Float(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).unwrap();
    session
}

#[test]
fn a_second_run_sees_new_inputs() {
    let mut session = session();
    session.run("one").unwrap();
    assert_eq!(read(&session, "y"), [321.0, 654.0]);
    session.run("one").unwrap();
    assert_eq!(read(&session, "y"), [321.0, 654.0]);
    session.write("x", Data::Int(&[0, 0, 1, 1, 0, 0])).unwrap();
    session.run("one").unwrap();
    assert_eq!(read(&session, "y"), [100.0, 1.0]);
    assert_eq!(read(&session, "seen"), [1.0, 10.0, 100.0]);
}

#[test]
fn state_is_shared_by_programs_and_kept_between_runs() {
    let mut session = session();
    session.run("two").unwrap();
    assert_eq!(read(&session, "w"), [6.0, 17.0, 109.0]);
    session.run("two").unwrap();
    assert_eq!(read(&session, "w"), [11.0, 24.0, 118.0]);
    session.run("one").unwrap();
    assert_eq!(read(&session, "y"), [11.0 + 48.0 + 354.0, 44.0 + 120.0 + 708.0]);
    assert_eq!(session.len("sum"), None, "a result of an earlier run is gone");
}

#[test]
fn a_panic_of_luminal_is_an_error_and_the_next_run_is_right() {
    let mut session = session();
    // A buffer that is too short makes luminal read beyond its end.
    let right = session.tensors.insert("x".into(), vec![1.0]).unwrap();
    let error = session.run("two").unwrap_err();
    assert!(matches!(&error, RunError::Kernel { kernel, .. } if kernel == "two"), "{error}");
    assert_eq!(read(&session, "w"), [1.0, 10.0, 100.0], "a failed run changes nothing");
    session.tensors.insert("x".into(), right);
    session.run("two").unwrap();
    assert_eq!(read(&session, "sum"), [5.0, 7.0, 9.0]);
}

#[test]
fn an_index_out_of_range_is_an_error_and_the_next_run_is_right() {
    let mut module = Module::default();
    let (n, d) = (module.add_axis("N", 3), module.add_axis("D", 2));
    let mut b = Builder::new(&mut module, "lookup");
    let (table, index) = (float(&mut b, "table", &[n, d]), integer(&mut b, "index", &[BATCH]));
    let found = b.add1(Op::Gather { axis: n }, &[table, index]).unwrap();
    b.output("found", found);
    let id = b.finish();
    let mut session = Primitive::new(&module, &[("p", id)], 2).unwrap();
    session.write("table", Data::Float(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).unwrap();
    for wrong in [3, -1] {
        session.write("index", Data::Int(&[0, wrong])).unwrap();
        let error = session.run("p").unwrap_err().to_string();
        assert!(error.contains(&format!("the index {wrong} is out of the range of N:3")), "{error}");
    }
    session.write("index", Data::Int(&[2, 0])).unwrap();
    session.run("p").unwrap();
    assert_eq!(read(&session, "found"), [5.0, 6.0, 1.0, 2.0]);
}

#[test]
fn what_a_caller_can_get_wrong_is_said() {
    let mut session = session();
    assert_eq!(session.write("u", Data::Float(&[])), Err(RunError::UnknownTensor("u".into())));
    let error = session.write("w", Data::Float(&[1.0])).unwrap_err();
    assert_eq!(error, RunError::Length { name: "w".into(), expected: 3, given: 1 });
    assert!(matches!(session.write("w", Data::Int(&[0, 1 << 25, 0])), Err(RunError::Unsupported(_))));
    assert!(matches!(session.run("three"), Err(RunError::Unsupported(_))));
    assert!(matches!(session.read("w", &mut [0.0]), Err(RunError::Length { .. })));
    session.run("one").unwrap();
    assert_eq!(read(&session, "y"), [321.0, 654.0]);
}

fn refusal(module: &Module, id: FuncId) -> String {
    match Primitive::new(module, &[("p", id)], 1) {
        Err(RunError::Unsupported(why)) => why,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

/// A function of one operation.
fn single(op: Op, sizes: &[usize]) -> (Module, FuncId) {
    let mut module = Module::default();
    let axes: Vec<AxisId> =
        sizes.iter().enumerate().map(|(at, size)| module.add_axis(format!("A{at}"), *size)).collect();
    let mut b = Builder::new(&mut module, "single");
    let x = float(&mut b, "x", &axes);
    let y = b.add1(op, &[x]).unwrap();
    b.output("y", y);
    let id = b.finish();
    (module, id)
}

#[test]
fn what_luminal_cannot_hold_is_refused() {
    let axes: Vec<AxisId> = (1..=7).map(AxisId).collect();
    let turned = axes.iter().rev().copied().collect();
    let (module, id) = single(Op::View(View::Transpose(turned)), &[2; 7]);
    assert!(refusal(&module, id).contains("7 groups of axes"), "{}", refusal(&module, id));
    // Seven axes that move as two groups are no trouble.
    let mut rotated = axes.clone();
    rotated.rotate_left(3);
    let (module, id) = single(Op::View(View::Transpose(rotated)), &[2; 7]);
    agrees("two groups", &module, id, 0.0, &[]);

    let (module, id) = single(Op::Map(Map::Neg), &[2, 0]);
    assert!(refusal(&module, id).contains("A1 has no positions"), "{}", refusal(&module, id));

    let mut module = Module::default();
    let (a, c) = (module.add_axis("A", 1 << 16), module.add_axis("C", 1 << 15));
    let mut b = Builder::new(&mut module, "large");
    let (x, y) = (float(&mut b, "x", &[a]), float(&mut b, "y", &[c]));
    let z = b.add1(Op::Map(Map::Add), &[x, y]).unwrap();
    b.output("z", z);
    let id = b.finish();
    assert!(refusal(&module, id).contains("more elements than luminal can count"));
}

#[test]
fn the_graph_can_be_seen() {
    let session = session();
    let text = session.dot("one");
    assert!(text.starts_with("digraph \"one\" {\n"), "{text}");
    assert!(text.contains("label=\"x Load\\n[2, 3]\""), "{text}");
    assert!(text.contains("label=\"MatMul2D\\n[1, 2, 1]\""), "{text}");
    assert_eq!(text.matches(" -> ").count(), 2, "{text}");
    assert_eq!(session.dot("three"), "");
}
