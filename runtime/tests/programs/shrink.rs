//! Smaller programs of one that shows a fault.

use super::program::{Program, given};

impl Program {
    /// Programs that are a little smaller.
    pub fn smaller(&self) -> Vec<Program> {
        let mut found = Vec::new();
        for at in 0..self.outputs.len() {
            if self.outputs.len() > 1 {
                let mut fewer = self.clone();
                fewer.outputs.remove(at);
                found.push(fewer);
            }
            // What a result is made of, instead of the result.
            if let Some(statement) = self.outputs[at].checked_sub(given().len()) {
                for operand in &self.statements[statement].operands {
                    let mut earlier = self.clone();
                    earlier.outputs[at] = *operand;
                    found.push(earlier);
                }
            }
        }
        // Another value of the same axes, instead of one that is computed.
        for at in 0..self.statements.len() {
            let value = given().len() + at;
            for other in (0..value).filter(|o| self.axes(*o) == self.axes(value)) {
                let mut without = self.clone();
                let read = without.statements.iter_mut().flat_map(|s| &mut s.operands);
                read.chain(&mut without.outputs).filter(|v| **v == value).for_each(|v| *v = other);
                found.push(without);
            }
        }
        for at in 0..3 {
            for size in [1, 2, self.sizes[at] / 2].into_iter().filter(|s| *s > 0 && *s < self.sizes[at]) {
                let mut shorter = self.clone();
                shorter.sizes[at] = size;
                found.push(shorter);
            }
        }
        found.into_iter().map(|p| p.pruned()).filter(|p| p != self).collect()
    }

    /// The smallest program that still has the fault, by way of [`Self::smaller`].
    pub fn shrunk(self, has_fault: &dyn Fn(&Program) -> bool) -> Program {
        let mut smallest = self;
        while let Some(smaller) = smallest.smaller().into_iter().find(|p| has_fault(p)) {
            smallest = smaller;
        }
        smallest
    }
}
