//! Buffers of more elements than 32 bits can count: C kernels have indices of 64 bits, which their last pieces
//! prove; and what cannot be counted at all is refused with its numbers.

use arch_compiler::graph::{AxisId, Builder, DType, InputKind, Module};
use arch_compiler::ops::{Map, Op, Reduce};
use arch_kernels::ir::{Buffers, Evaluator};
use arch_kernels::plan::{Action, Plan};
use arch_kernels::print::print_c;
use arch_kernels::{LowerError, Options, Target, lower};
use std::cell::RefCell;
use std::process::Command;

const ROW: usize = 1 << 10;

/// `exp(x)` of rows, or their sums.
fn plan(batch: usize, rows: usize, sum: bool) -> Result<Plan, LowerError> {
    let mut module = Module::default();
    let mut b = Builder::new(&mut module, "large");
    let (t, d) = (b.module.add_axis("T", rows), b.module.add_axis("D", ROW));
    let x = b.input("x", InputKind::Argument, vec![AxisId::BATCH, t, d], DType::F32);
    let op = if sum { Op::Reduce(Reduce::Sum, vec![d]) } else { Op::Map(Map::Exp) };
    let y = b.add1(op, &[x]).unwrap();
    b.output("y", y);
    let function = b.finish();
    lower(&module, module.function(function), &Options { target: Target::Generic, batch, sources: None })
}

/// The ends of buffers that are not there as a whole.
struct Ends {
    lengths: [usize; 2],
    read: RefCell<Vec<i64>>,
    written: RefCell<Vec<(i64, f32)>>,
}

impl Buffers for Ends {
    fn load(&self, arg: u32, at: i64) -> u32 {
        assert!((0..self.lengths[arg as usize] as i64).contains(&at));
        self.read.borrow_mut().push(at);
        (((at % 7) as f32) * 0.25).to_bits()
    }

    fn store(&self, arg: u32, at: i64, bits: u32) {
        assert!(arg == 1 && (0..self.lengths[1] as i64).contains(&at));
        self.written.borrow_mut().push((at, f32::from_bits(bits)));
    }
}

type Function = unsafe extern "C" fn(*const *mut f32, i64, i64, i64);

#[test]
fn the_last_piece_of_a_buffer_of_2_to_the_33_elements_is_right() {
    let dir = tempfile::tempdir().unwrap();
    for sum in [false, true] {
        let plan = plan(1 << 13, 1 << 10, sum).unwrap();
        let (kernel, Action::Kernel { pieces, .. }) = (&plan.kernels[0], &plan.steps[0].action) else {
            panic!("one kernel");
        };
        let lengths = [1usize << 33, if sum { 1 << 23 } else { 1 << 33 }];
        assert_eq!(kernel.args.len(), 2);
        let (first, last) = (*pieces as i64 - 1, *pieces as i64);
        let ends = Ends { lengths, read: RefCell::default(), written: RefCell::default() };
        Evaluator::new(kernel.clone(), Target::Generic.lanes()).run(&ends, plan.batch, first, last);
        let written = ends.written.into_inner();
        assert_eq!(written.last().unwrap().0, lengths[1] as i64 - 1, "the last element");
        assert!(*ends.read.borrow().iter().min().unwrap() > i64::from(i32::MAX));

        // The C kernel gets buffers that seem to begin where the whole ones would.
        let mut ends: [Vec<f32>; 2] = [vec![0.0; 2 * ROW], vec![-1.0; 2 * ROW]];
        let from = lengths.map(|length| length - 2 * ROW);
        for (at, x) in ends[0].iter_mut().enumerate() {
            *x = ((from[0] + at) % 7) as f32 * 0.25;
        }
        std::fs::write(dir.path().join(Target::Generic.header_name()), Target::Generic.header()).unwrap();
        let (source, library) = (dir.path().join("wide.c"), dir.path().join(format!("wide{sum}.so")));
        let text =
            format!("#include \"{}\"\n{}", Target::Generic.header_name(), print_c(kernel, Target::Generic));
        std::fs::write(&source, text).unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-std=gnu11", "-O2", "-fwrapv", "-fPIC", "-shared", "-w", "-o"]).arg(&library).arg(&source);
        assert!(cc.status().unwrap().success());
        let args = [0, 1].map(|arg| ends[arg].as_mut_ptr().wrapping_sub(from[arg]));
        // SAFETY: the kernel was compiled from our own text; its last piece touches the last row of each buffer.
        unsafe {
            let library = libloading::Library::new(&library).unwrap();
            let function = library.get::<Function>(kernel.name.as_bytes()).unwrap();
            function(args.as_ptr(), plan.batch as i64, first, last);
        }
        for (at, value) in &written {
            let got = ends[1][*at as usize - from[1]];
            assert!((got - value).abs() <= 1e-5 * value.abs(), "element {at} is {got}, not {value}");
        }
        assert!(ends[1][..ROW].iter().all(|x| *x == -1.0), "nothing else was written");
    }
}

#[test]
fn what_cannot_be_counted_is_refused_with_its_numbers() {
    let error = plan(1_000_000, u32::MAX as usize, false).unwrap_err();
    let LowerError::TooLarge { count, batch, .. } = &error else { panic!("{error}") };
    assert_eq!((*count, *batch), ((u32::MAX as u128) * 1024 * 1_000_000, 1_000_000));
    let said = error.to_string();
    for part in ["elements of one value", "batch, T = 4294967295, D = 1024", "batch of 1000000", "smaller"] {
        assert!(said.contains(part), "`{part}` is missing in {said}");
    }
    assert!(plan(1_000_000, 1 << 20, false).is_ok(), "2^50 elements are large and can be counted");
}

#[test]
fn positions_beyond_32_bits_are_no_whole_numbers() {
    let positions = |length: usize| {
        let mut module = Module::default();
        let mut b = Builder::new(&mut module, "positions");
        let t = b.module.add_axis("T", length);
        let places = b.add1(Op::Iota(t), &[]).unwrap();
        let places = b.add1(Op::Map(Map::ToFloat), &[places]).unwrap();
        b.output("places", places);
        let function = b.finish();
        lower(
            &module,
            module.function(function),
            &Options { target: Target::Generic, batch: 1, sources: None },
        )
    };
    let said = positions(1 << 31).unwrap_err().to_string();
    assert!(said.contains("2147483648 positions") && said.contains("T = 2147483648"), "{said}");
    assert!(positions(i32::MAX as usize).is_ok());
}
