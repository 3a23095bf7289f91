//! Programs over one set of tensors, ready to run.

use super::check;
use super::graph::{build_graph, dot};
use super::layout::{Layout, Tensor};
use super::operator::Shared;
use super::options::{BuildError, Options};
use super::profile::{self, Clock};
use crate::device::host::{Bound, Kernels, Memory, Pool, Remark};
use crate::execute::{Data, Execute, KernelProfile, RunError};
use arch_compiler::graph::{FuncId, Input, InputKind, Module, inline};
use arch_compiler::ops::Op;
use arch_kernels::build::{self, PlanError, Spelling};
use arch_kernels::ir::Elem;
use arch_kernels::plan::{Plan, SlotId};
use luminal::prelude::Graph;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

struct Program {
    name: String,
    plan: Plan,
    /// Boxed, since luminal keeps addresses of it.
    graph: Box<Graph>,
    clocks: Vec<Arc<Clock>>,
    /// Whether what steps keep from run to run is there.
    prepared: Arc<AtomicBool>,
    /// The tensors that it was computed of.
    prepared_from: BTreeSet<String>,
}

/// The executing form of one or more programs.
pub struct Session {
    batch: usize,
    programs: Vec<Program>,
    layout: Layout,
    memory: Arc<Memory>,
    shared: Arc<Shared>,
    /// The program that ran last: its results are the ones that are read.
    last: usize,
    compile_time: Duration,
    compiled: usize,
    remarks: Vec<Remark>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.programs.iter().map(|p| p.name.as_str()).collect();
        write!(f, "Session({}, batch {})", names.join(", "), self.batch)
    }
}

impl Session {
    /// Lowers, compiles and binds programs.
    ///
    /// # Errors
    /// If a program cannot be lowered, compiled or bound.
    pub fn new(
        module: &Module,
        programs: &[(&str, FuncId)],
        batch: usize,
        options: Options,
    ) -> Result<Session, BuildError> {
        let mut plans = Vec::new();
        // While one program trains, no other keeps what it computes of parameters.
        let prepare = programs.iter().all(|p| module.function(p.1).updates.is_empty());
        for (_, function) in programs {
            plans.push(plan(module, *function, batch, prepare, &options)?);
        }
        let names = programs.iter().map(|p| p.0.to_string()).collect();
        Self::from_plans(names, plans, batch, &options)
    }

    /// Compiles and binds plans that are there already.
    ///
    /// # Errors
    /// If they cannot be compiled or bound.
    pub fn from_plans(
        names: Vec<String>,
        plans: Vec<Plan>,
        batch: usize,
        options: &Options,
    ) -> Result<Session, BuildError> {
        let target = options.instructions()?;
        for plan in &plans {
            check::check(plan, target)?;
        }
        // Compiling takes long: whether there is the memory is found out before it.
        let layout = Layout::new(&plans)?;
        let lacking = BuildError::Memory { bytes: layout.bytes, batch };
        let memory = Arc::new(Memory::new(layout.bytes).ok_or(lacking)?);
        layout.fill_constants(&plans, &memory);
        let start = Instant::now();
        let kernels = Kernels::load(plans.iter().flat_map(|p| &p.kernels), target, &options.cache)?;
        let compile_time = start.elapsed();
        let pool = Arc::new(Pool::new(options.threads));
        let shared = Arc::new(Shared::default());
        let (compiled, remarks) = (kernels.compiled, kernels.remarks.clone());
        let mut programs = Vec::new();
        for ((name, plan), slots) in names.into_iter().zip(plans).zip(&layout.slots) {
            let region = |slot: SlotId| slots[slot.0 as usize];
            let bind = |at: usize| {
                let step = &plan.steps[at];
                let bound = Bound::new(&plan, step, &kernels, &region, &memory, &pool);
                bound.ok_or_else(|| BuildError::Missing(step.name.clone()))
            };
            let prepared = Arc::new(AtomicBool::new(false));
            let (graph, clocks) = build_graph(&plan, &shared, &prepared, bind)?;
            let prepared_from = plan.prepared_from();
            programs.push(Program { name, plan, graph, clocks, prepared, prepared_from });
        }
        Ok(Session { batch, programs, layout, memory, shared, last: 0, compile_time, compiled, remarks })
    }

    /// The plan of a program.
    #[must_use]
    pub fn plan(&self, program: &str) -> Option<&Plan> {
        self.programs.iter().find(|p| p.name == program).map(|p| &p.plan)
    }

    /// How long compiling and loading took, and how many kernels the cache did not have.
    #[must_use]
    pub fn compilation(&self) -> (Duration, usize) {
        (self.compile_time, self.compiled)
    }

    /// What there is to say about the kernels and their cache.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// The graph of a program, as dot: an edge for everything that a step reads of another.
    #[must_use]
    pub fn dot(&self, program: &str) -> Option<String> {
        self.plan(program).map(dot)
    }

    fn tensor(&self, name: &str) -> Option<&Tensor> {
        let outputs = self.layout.outputs.get(self.last).and_then(|o| o.get(name));
        outputs
            .or_else(|| self.layout.residents.get(name))
            .or_else(|| self.layout.outputs.iter().find_map(|o| o.get(name)))
    }
}

fn plan(
    module: &Module,
    function: FuncId,
    batch: usize,
    prepare: bool,
    options: &Options,
) -> Result<Plan, BuildError> {
    let target = options.instructions()?;
    let lowering = arch_kernels::Options { target, batch, sources: options.sources.as_deref() };
    let calls = module.function(function).nodes.iter().any(|n| matches!(n.op, Op::Call { .. }));
    let mut module = std::borrow::Cow::Borrowed(module);
    let (mut plan, function) = if options.spelling == Spelling::Canonical {
        let planned = build::plan(module.to_mut(), function, Spelling::Canonical, &lowering)?;
        (planned.plan, planned.function)
    } else {
        // A reference: nothing is cleaned up that is there to be compared.
        let flat = if calls { inline(module.to_mut(), function) } else { function };
        (options.spelling.lower(&module, flat, &lowering)?, flat)
    };
    let function = module.function(function);
    if prepare {
        let lasting = |i: &&Input| matches!(i.kind, InputKind::Parameter | InputKind::Buffer);
        let named = function.inputs.iter().filter(lasting).filter_map(|i| plan.inputs.get(&i.name));
        let fixed: Vec<SlotId> = named.map(|n| n.slot).collect();
        arch_kernels::plan::prepare(&mut plan, &fixed);
    }
    Ok(plan)
}

impl From<PlanError> for BuildError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Shape(e) => BuildError::Respell(e.0),
            PlanError::Lower(e) => BuildError::Lower(e),
        }
    }
}

impl Execute for Session {
    fn batch(&self) -> usize {
        self.batch
    }

    fn write(&mut self, name: &str, data: Data<'_>) -> Result<(), RunError> {
        let unknown = || RunError::UnknownTensor(name.into());
        let tensor = self.layout.residents.get(name).ok_or_else(unknown)?;
        let given = match data {
            Data::Float(data) => data.len(),
            Data::Int(data) => data.len(),
        };
        if given != tensor.region.len {
            return Err(RunError::Length { name: name.into(), expected: tensor.region.len, given });
        }
        for program in self.programs.iter().filter(|p| p.prepared_from.contains(name)) {
            program.prepared.store(false, Ordering::Relaxed);
        }
        match (data, tensor.elem) {
            (Data::Float(data), Elem::F32) => self.memory.fill(tensor.region, data),
            (Data::Int(data), Elem::I32) => self.memory.fill(tensor.region, data),
            (Data::Int(data), Elem::F32) => {
                let floats: Vec<f32> = data.iter().map(|x| *x as f32).collect();
                self.memory.fill(tensor.region, &floats);
            }
            (Data::Float(data), Elem::I32) => {
                let ints: Vec<i32> = data.iter().map(|x| *x as i32).collect();
                self.memory.fill(tensor.region, &ints);
            }
        }
        Ok(())
    }

    fn run(&mut self, program: &str) -> Result<(), RunError> {
        let at = self.programs.iter().position(|p| p.name == program);
        let at = at.ok_or_else(|| RunError::Unsupported(format!("there is no program `{program}`")))?;
        self.last = at;
        self.programs[at].graph.execute();
        self.shared.take_error().map_or(Ok(()), Err)?;
        self.programs[at].prepared.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn read(&self, name: &str, into: &mut [f32]) -> Result<(), RunError> {
        let tensor = self.tensor(name).ok_or_else(|| RunError::UnknownTensor(name.into()))?;
        let given = into.len();
        if given != tensor.region.len {
            return Err(RunError::Length { name: name.into(), expected: tensor.region.len, given });
        }
        match tensor.elem {
            Elem::F32 => into.copy_from_slice(self.memory.floats(tensor.region)),
            Elem::I32 => {
                for (to, from) in into.iter_mut().zip(self.memory.ints(tensor.region)) {
                    *to = *from as f32;
                }
            }
        }
        Ok(())
    }

    fn len(&self, name: &str) -> Option<usize> {
        self.tensor(name).map(|t| t.region.len)
    }

    fn set_profiling(&mut self, on: bool) {
        self.shared.timed.store(on, Ordering::Relaxed);
    }

    fn profile(&self) -> Vec<KernelProfile> {
        let rows = self.programs.iter().flat_map(|program| {
            program.plan.steps.iter().zip(&program.clocks).map(|(step, clock)| {
                let calls = clock.calls.load(Ordering::Relaxed);
                KernelProfile {
                    name: step.name.clone(),
                    calls,
                    seconds: clock.nanoseconds.load(Ordering::Relaxed) as f64 * 1e-9,
                    bytes: step.bytes * calls,
                    flops: step.flops * calls,
                    lines: step.origins.join(", "),
                }
            })
        });
        profile::sum(rows)
    }

    fn compile_time(&self) -> Option<Duration> {
        Some(self.compile_time)
    }

    fn bytes(&self) -> Option<usize> {
        Some(self.memory.bytes())
    }
}
