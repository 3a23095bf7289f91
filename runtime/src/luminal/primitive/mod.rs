//! The primitive form: a graph run by luminal's own primitive operators, unfused.
//!
//! It is the second oracle beside the interpreter (another author's kernels, in f32) and the baseline that
//! fusion is measured against. Every operation of the compiler has a form here: see `formula` for maps and
//! their errors; contractions are [`Products::MatMul2D`] or [`Products::MulSum`]; lookups are contractions
//! with one-hot rows; scans are unrolled. `tape` says what keeps luminal's answers right.
//!
//! # Limits
//! - Integers are floats: exact up to 2^24, and refused above.
//! - Values of 2^31 elements, axes without positions, and transpositions and broadcasts that have more than
//!   six groups of axes after merging neighbours are refused when a session is made.
//! - Speed: some 5 to 30 ns for a multiplication and addition in `MatMul2D`, 500 ns in the other form, and
//!   50 to 300 ns for each element of each other operator.
//! - Infinities and NaN go through maps as in IEEE arithmetic, except that `floor` of an infinity is NaN, a
//!   NaN that `where` chooses becomes negative infinity, and an infinity in a table that is looked up spoils
//!   its column. What `where` does not choose may be anything.

mod built;
mod dot;
mod formula;
mod lower;
mod map;
mod product;
mod scan;
mod tape;
#[cfg(test)]
mod tests;
mod view;

use crate::execute::{Data, Execute, RunError};
use arch_compiler::graph::{FuncId, Module, inline};
use built::{Built, Tensors};
use lower::LARGEST_INTEGER;

/// How contractions are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// By luminal's `MatMul2D`, one for each position of the shared axes; a contraction of many tiny
    /// products is made as [`Products::MulSum`].
    #[default]
    MatMul2D,
    /// By `Mul` of broadcasts and `SumReduce`: primitives only.
    MulSum,
}

/// Programs of one module over one set of tensors, run by luminal's primitive operators. Tensors begin as
/// zeros.
pub struct Primitive {
    /// With flat functions added.
    module: Module,
    programs: Vec<Program>,
    batch: usize,
    products: Products,
    tensors: Tensors,
    results: Tensors,
}

struct Program {
    name: String,
    function: FuncId,
    built: Built,
}

impl Primitive {
    /// A session for a batch size. Programs are known by the names given with them.
    ///
    /// # Errors
    /// If luminal cannot hold one of the programs.
    pub fn new(module: &Module, programs: &[(&str, FuncId)], batch: usize) -> Result<Self, RunError> {
        Self::with_products(module, programs, batch, Products::default())
    }

    /// As [`Primitive::new`], with a choice of how contractions are made.
    ///
    /// # Errors
    /// If luminal cannot hold one of the programs.
    pub fn with_products(
        module: &Module,
        programs: &[(&str, FuncId)],
        batch: usize,
        products: Products,
    ) -> Result<Self, RunError> {
        let mut module = module.clone();
        let (mut built, mut tensors) = (Vec::with_capacity(programs.len()), Tensors::new());
        for (name, id) in programs {
            let function = inline(&mut module, *id);
            let flat = module.function(function);
            for input in &flat.inputs {
                let elements = module.dims(&flat.value(input.value).shape, batch).iter().product();
                tensors.entry(input.name.clone()).or_insert_with(|| vec![0.0; elements]);
            }
            let graph = Built::new(&module, function, batch, products)?;
            built.push(Program { name: (*name).into(), function, built: graph });
        }
        Ok(Primitive { module, programs: built, batch, products, tensors, results: Tensors::new() })
    }

    /// The luminal graph of a program as text, for Graphviz.
    #[must_use]
    pub fn dot(&self, program: &str) -> String {
        let found = self.programs.iter().find(|p| p.name == program);
        found.map_or_else(String::new, |p| dot::dot(&p.name, &p.built))
    }

    /// How many luminal nodes a program has.
    #[must_use]
    pub fn nodes(&self, program: &str) -> usize {
        let found = self.programs.iter().find(|p| p.name == program);
        found.map_or(0, |p| p.built.graph().graph.node_count())
    }

    fn tensor(&self, name: &str) -> Option<&Vec<f32>> {
        self.results.get(name).or_else(|| self.tensors.get(name))
    }
}

impl Execute for Primitive {
    fn batch(&self) -> usize {
        self.batch
    }

    fn write(&mut self, name: &str, data: Data<'_>) -> Result<(), RunError> {
        let tensor = self.tensors.get_mut(name).ok_or_else(|| RunError::UnknownTensor(name.into()))?;
        let given = match data {
            Data::Float(numbers) => numbers.len(),
            Data::Int(numbers) => numbers.len(),
        };
        same_length(name, tensor.len(), given)?;
        match data {
            Data::Float(numbers) => tensor.copy_from_slice(numbers),
            Data::Int(numbers) => {
                if let Some(large) = numbers.iter().find(|n| n.unsigned_abs() as usize > LARGEST_INTEGER) {
                    return Err(RunError::Unsupported(format!(
                        "the primitive form holds integers as floats, and {large} in `{name}` is not exact as one"
                    )));
                }
                tensor.iter_mut().zip(numbers).for_each(|(to, from)| *to = *from as f32);
            }
        }
        Ok(())
    }

    fn run(&mut self, program: &str) -> Result<(), RunError> {
        let Some(found) = self.programs.iter_mut().find(|p| p.name == program) else {
            return Err(RunError::Unsupported(format!("there is no program `{program}`")));
        };
        match found.built.run(program, &self.tensors) {
            Ok(results) => {
                self.results = results.outputs;
                self.tensors.extend(results.updates);
                Ok(())
            }
            Err(error) => {
                // A panic leaves the graph without the tensors that it had taken.
                found.built = Built::new(&self.module, found.function, self.batch, self.products)?;
                Err(error)
            }
        }
    }

    fn read(&self, name: &str, into: &mut [f32]) -> Result<(), RunError> {
        let tensor = self.tensor(name).ok_or_else(|| RunError::UnknownTensor(name.into()))?;
        same_length(name, tensor.len(), into.len())?;
        into.copy_from_slice(tensor);
        Ok(())
    }

    fn len(&self, name: &str) -> Option<usize> {
        self.tensor(name).map(Vec::len)
    }
}

fn same_length(name: &str, expected: usize, given: usize) -> Result<(), RunError> {
    if expected == given { Ok(()) } else { Err(RunError::Length { name: name.into(), expected, given }) }
}
