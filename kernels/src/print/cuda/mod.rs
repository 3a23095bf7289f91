//! The CUDA printer. A vector of the kernel is a warp: what is a vector in C is one number for each of 32 threads
//! here, a vector loop goes on by 32 from the thread's lane, and lanes are joined by shuffles. A piece of the
//! kernel is a warp of a block. Where the parallel loops share out lanes, or there are no vectors at all, no thread
//! needs another: each has an iteration of its own of all parallel loops.
//!
//! Outside of vectors all lanes of a warp compute the same; lane 0 alone writes it to memory. Lanes meet
//! (`__syncwarp`) where one needs what another wrote: see [`sync`].
//!
//! Matrix products are cut into tiles, a block each, whose threads have some elements each: see [`tiles`].

mod launch;
mod layout;
mod loops;
mod product;
mod source;
mod sync;
mod tiles;
mod values;

pub use launch::Launch;
pub use source::{Source, arguments, sources};

use super::at_once::{each_operand, read_at_once};
use super::expression::Expression;
use super::lines::Lines;
use super::names::Names;
use super::{ALL_MATH, Target, called, heading};
use crate::ir::math::{self, Definition};
use crate::ir::{Acc, Elem, Extent, Join, Kernel, Math, Operand, Role, Scalar, Stmt, Type};
use layout::{Home, Layout, Mode};
use product::Product;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use sync::{Shared, Since};

/// Why a plan has no text for CUDA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// What the lanes of a warp share does not fit beside one another.
    Shared {
        /// The kernel.
        kernel: String,
        /// Bytes that one warp wants.
        bytes: i64,
        /// Bytes that a block has.
        most: i64,
    },
    /// More blocks than a launch can have.
    Blocks {
        /// The kernel.
        kernel: String,
        /// The blocks wanted.
        blocks: u64,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Shared { kernel, bytes, most } => write!(
                f,
                "{kernel} wants {bytes} bytes of shared memory for one warp, and a block has {most}: \
                 make the axis shorter that its rows run along"
            ),
            Refusal::Blocks { kernel, blocks } => write!(
                f,
                "{kernel} wants {blocks} blocks, and a launch has at most {}: make the batch smaller",
                i32::MAX
            ),
        }
    }
}

impl std::error::Error for Refusal {}

/// One kernel as a CUDA function of its arguments and the batch. `wide`: with indices of 64 bits, which it needs
/// if a buffer has more than 2^30 elements.
///
/// # Errors
/// If what a warp shares does not fit into shared memory.
pub fn print_cuda(kernel: &Kernel, wide: bool) -> Result<String, Refusal> {
    let layout = Layout::of(kernel)?;
    let mut printer = Printer::new(&kernel.scalars, &kernel.accs, layout);
    printer.kernel = Some(kernel);
    let product = Product::of(kernel);
    printer.names = Names::new(kernel);
    printer.at_once = read_at_once(&kernel.body);
    printer.names.wide = wide;
    printer.wide = wide;
    for line in heading(kernel).into_iter().chain(printer.names.legend()) {
        printer.line(&format!("// {line}"));
    }
    match &product {
        Some(product) => printer.tiles_line(product),
        None => printer.launch_line(kernel),
    }
    printer.signature(kernel);
    let head = std::mem::take(&mut printer.lines.text);
    printer.lines.indent += 1;
    if wide {
        printer.line("const long long batch = samples;");
    }
    printer.arrays();
    match &product {
        Some(product) => printer.tile(product),
        None => printer.top(&kernel.body),
    }
    printer.lines.indent -= 1;
    printer.line("}");
    let body = std::mem::replace(&mut printer.lines.text, head);
    printer.lines.indent += 1;
    if body.contains("lane") {
        printer.line("const int lane = threadIdx.x % 32;");
    }
    if body.contains("warp]") {
        printer.line("const int warp = threadIdx.x / 32;");
    }
    Ok(printer.lines.text + &body)
}

/// The text that all kernels include: the functions of the language, and how lanes are joined.
#[must_use]
pub fn prelude() -> String {
    let mut text = String::from("#pragma once\n");
    text += include_str!("prelude.h");
    for function in ALL_MATH {
        text += &print_math(function, &math::define(function, Target::Cuda.arithmetic()));
    }
    text
}

fn print_math(function: Math, definition: &Definition) -> String {
    let layout =
        Layout { mode: Mode::Thread, warps: 1, arrays: Default::default(), parted: Default::default() };
    let mut printer = Printer::new(&definition.scalars, &[], layout);
    printer.per_thread = true;
    printer.names = Names::of_function(definition);
    printer.at_once = read_at_once(&definition.body);
    let parameter = |p: usize| format!("float {}", printer.names.scalar(Scalar(p as u32)));
    let parameters: Vec<String> = (0..definition.parameters).map(parameter).collect();
    printer.line("");
    printer.line(&format!("INLINE float {}({}) {{", values::math(function), parameters.join(", ")));
    printer.lines.indent += 1;
    printer.block(&definition.body);
    let result = printer.operand(definition.result).text;
    printer.line(&format!("return {result};"));
    printer.lines.indent -= 1;
    printer.line("}");
    printer.lines.text
}

struct Printer<'k> {
    lines: Lines,
    kernel: Option<&'k Kernel>,
    names: Names,
    scalars: &'k [Type],
    accs: &'k [Join],
    layout: Layout,
    wide: bool,
    /// Values that may stand where they are read, and those that do.
    at_once: BTreeSet<Scalar>,
    folded: BTreeMap<Scalar, Expression>,
    /// Whether each thread is at an iteration of its own.
    per_thread: bool,
    /// Which of its elements of spread arrays a lane is at.
    turn: &'static str,
    since: Since,
}

impl<'k> Printer<'k> {
    fn new(scalars: &'k [Type], accs: &'k [Join], layout: Layout) -> Self {
        Printer {
            lines: Lines::default(),
            kernel: None,
            names: Names::default(),
            scalars,
            accs,
            per_thread: layout.mode == Mode::Thread,
            layout,
            wide: false,
            at_once: BTreeSet::new(),
            folded: BTreeMap::new(),
            turn: "turn",
            since: Since::default(),
        }
    }

    fn line(&mut self, text: &str) {
        self.lines.line(text);
    }

    fn block(&mut self, body: &[Stmt]) {
        let (ends, int) = (self.names.ends(body), self.int());
        for (name, number) in &ends {
            self.line(&format!("const {int} {name} = {number};"));
        }
        for stmt in body {
            self.stmt(stmt);
        }
        self.names.forget_ends(ends.len());
    }

    /// The head of the function.
    fn signature(&mut self, kernel: &Kernel) {
        let threads = self.layout.warps * layout::LANES;
        // Two blocks of a product on a multiprocessor leave each thread registers for its sums; left to itself, the
        // compiler spills some for the sake of more blocks.
        let blocks = if kernel.family == "gemm" { ", 2" } else { "" };
        self.line(&format!("extern \"C\" __global__ void __launch_bounds__({threads}{blocks})"));
        let mut parameters: Vec<String> = Vec::new();
        for (i, arg) in kernel.args.iter().enumerate() {
            let elem = if arg.elem == Elem::F32 { "float" } else { "int" };
            let constant = if arg.role == Role::Read { "const " } else { "" };
            parameters.push(format!("{constant}{elem} *__restrict__ a{i}"));
        }
        parameters.push(if self.wide { "const int samples".into() } else { "const int batch".into() });
        let (first, rest) = (format!("{}(", kernel.name), parameters);
        let mut line = first;
        for (i, parameter) in rest.iter().enumerate() {
            let end = if i + 1 == rest.len() { ") {" } else { "," };
            if line.len() + parameter.len() > 108 {
                self.line(line.trim_end());
                line = "    ".into();
            }
            line += &format!("{parameter}{end} ");
        }
        self.line(line.trim_end());
    }

    /// What a thread or a warp is for.
    fn launch_line(&mut self, kernel: &Kernel) {
        let threads = self.layout.warps * layout::LANES;
        let of = match launch::pieces_extent(kernel) {
            Extent { batch: true, count: 1 } => "batch".into(),
            Extent { batch: true, count } => format!("batch * {count}"),
            Extent { count, .. } => count.to_string(),
        };
        let text = match self.layout.mode {
            Mode::Thread => format!("a thread for each of {of} elements"),
            Mode::Warp => format!("a warp for each of {of} rows"),
        };
        self.line(&format!("// {text}, {threads} threads a block"));
        if self.layout.local() > 0 {
            self.line(&format!("// {} bytes of a thread lie in local memory", self.layout.local()));
        }
    }

    /// The arrays in shared memory.
    fn arrays(&mut self) {
        let warps = self.layout.warps;
        let asks = self.layout.asks();
        if asks {
            self.line("DYNAMIC_SHARED(pool);");
        }
        let mut at = 0;
        for (local, array) in self.layout.arrays.clone() {
            let elem = if array.elem == Elem::F32 { "float" } else { "int" };
            let (name, len) = (self.names.local(local), array.len.max(1));
            let (row, pointer, size) = match array.home {
                Home::Column => ("[32]", format!("(*const {name})[32]"), len * layout::LANES),
                Home::Shared => ("", format!("*const {name}"), len),
                _ => continue,
            };
            if asks {
                // One warp has all of it.
                let cast = if row.is_empty() { "*" } else { "(*)[32]" };
                self.line(&format!("{elem} {pointer} = ({elem} {cast})(pool + {at});"));
                at += size;
            } else {
                self.line(&format!("__shared__ {elem} {name}_of[{warps}][{len}]{row};"));
                self.line(&format!("{elem} {pointer} = {name}_of[warp];"));
            }
        }
    }

    /// Lanes meet before the statement, if it must not come before what others did.
    fn meet(&mut self, stmt: &Stmt) {
        let Some(kernel) = self.kernel else { return };
        if self.per_thread {
            return;
        }
        let touch = Shared { kernel, layout: &self.layout }.touch(stmt, false);
        if self.since.meets(&touch) {
            // What was to be read before is read before.
            for (scalar, value) in std::mem::take(&mut self.folded) {
                self.bind_to_name(scalar, &value.text);
            }
            self.line("__syncwarp();");
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        if !matches!(stmt, Stmt::Loop(_)) {
            self.meet(stmt);
        }
        let once = if self.per_thread { "" } else { "if (lane == 0) " };
        match stmt {
            Stmt::Loop(l) => self.inner_loop(stmt, l),
            Stmt::Let(scalar, expr) => self.bind(*scalar, expr),
            Stmt::Store(arg, index, value) => {
                let (at, value) = (self.index(index), self.operand(*value).text);
                self.line(&format!("{once}a{arg}[{at}] = {value};"));
            }
            Stmt::Array(local, elem, _) => self.declare(*local, *elem),
            Stmt::StoreLocal(local, index, value) => {
                let home = self.layout.arrays[local].home;
                let once = if home == Home::Shared { once } else { "" };
                let (element, value) = (self.element(*local, index), self.operand(*value).text);
                self.line(&format!("{once}{element} = {value};"));
            }
            Stmt::Acc(acc, join) => {
                self.line(&format!("float {} = {};", called::acc(*acc), values::neutral(*join)));
            }
            Stmt::Accumulate(acc, value) => self.accumulate(*acc, *value),
            // Where one warp waits for memory, others run.
            Stmt::Fetch(..) => {}
        }
        // What stood for its name has been read now.
        each_operand(stmt, &mut |read| drop(self.folded.remove(&read)));
    }

    fn declare(&mut self, local: crate::ir::Local, elem: Elem) {
        let array = self.layout.arrays[&local];
        let len = match array.home {
            Home::Registers | Home::Memory => array.len,
            Home::Spread | Home::SpreadMemory => layout::turns(array.len),
            Home::Column | Home::Shared => return,
        };
        let elem = if elem == Elem::F32 { "float" } else { "int" };
        let name = self.names.local(local);
        self.line(&format!("{elem} {name}[{}];", len.max(1)));
    }

    /// Where lanes have parts of an accumulator, what all of them compute is added by lane 0.
    fn accumulate(&mut self, acc: Acc, value: Operand) {
        let once = !self.per_thread && self.layout.parted.contains(&acc);
        let (name, value) = (called::acc(acc), self.operand(value));
        let joined = match self.accs[acc.0 as usize] {
            Join::Sum => format!("{name} += {};", value.text),
            Join::Product => format!("{name} *= {};", value.text),
            join => format!("{name} = {}({name}, {});", values::joins(join).0, value.text),
        };
        self.line(&format!("{}{joined}", if once { "if (lane == 0) " } else { "" }));
    }
}
