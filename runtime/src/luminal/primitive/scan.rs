//! Scans are unrolled in time: any body, exact, and the fastest of what was tried.

use super::lower::{Held, Lowering, Operand};
use super::tape::Buffer;
use crate::execute::RunError;
use arch_compiler::graph::{Function, Node, ValueId};
use arch_compiler::ops::Scan;

impl Lowering<'_> {
    /// Lowers the body once for each position. Finals are only made in the last step.
    ///
    /// # Errors
    /// Those of the body.
    pub(super) fn scan(
        &mut self,
        scan: &Scan,
        inputs: &[Operand],
        function: &Function,
        node: &Node,
    ) -> Result<Vec<Held>, RunError> {
        let length = self.size(scan.axis);
        let results: Vec<ValueId> = scan.body.outputs.iter().map(|o| o.1).collect();
        let every_step = &results[..scan.carries + scan.yields];
        let mut carries: Vec<Held> = inputs[..scan.carries].iter().map(held).collect();
        let mut rows: Vec<Vec<Buffer>> = vec![Vec::new(); scan.yields];
        let mut finals = Vec::new();
        for step in 0..length {
            let at = if scan.reverse { length - 1 - step } else { step };
            let mut given = carries;
            for sequence in &inputs[scan.carries..scan.carries + scan.sequences] {
                given.push(self.position(sequence, scan, at));
            }
            given.extend(inputs[scan.carries + scan.sequences..].iter().map(held));
            let wanted = if step + 1 == length { &results[..] } else { every_step };
            let mut made = self.function(&scan.body, given, wanted)?;
            finals = made.split_off(scan.carries + scan.yields);
            for (row, made) in rows.iter_mut().zip(made.split_off(scan.carries)) {
                row.push(made.buffer);
            }
            carries = made;
        }
        let mut outputs = Vec::with_capacity(node.outputs.len());
        for (mut row, id) in rows.into_iter().zip(&node.outputs) {
            if scan.reverse {
                row.reverse();
            }
            let shape = &function.value(*id).shape;
            let axis = shape.iter().position(|a| *a == scan.axis).unwrap_or(0);
            let parts = row.into_iter().map(|part| {
                let mut dims = part.dims.clone();
                dims.insert(axis, 1);
                part.reshaped(dims)
            });
            let buffer = self.tape.join(parts.collect(), axis);
            outputs.push(Held { buffer, known: None });
        }
        outputs.extend(finals);
        Ok(outputs)
    }

    /// One position of a sequence.
    fn position(&mut self, sequence: &Operand, scan: &Scan, at: usize) -> Held {
        let axis = sequence.shape.iter().position(|a| *a == scan.axis).unwrap_or(0);
        let slice = self.tape.slice(&sequence.buffer, axis, at, at + 1);
        let mut dims = slice.dims.clone();
        dims.remove(axis);
        Held { buffer: slice.reshaped(dims), known: sequence.known }
    }
}

fn held(operand: &Operand) -> Held {
    Held { buffer: operand.buffer.clone(), known: operand.known }
}
