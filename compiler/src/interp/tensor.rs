//! Tensors of the interpreter, and walking along their axes.

use crate::graph::{AxisId, Module};

/// Numbers in row-major order. Truth values are 0 and 1, integers are whole numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The sizes, slowest first.
    pub dims: Vec<usize>,
    /// The elements, as many as the product of the sizes.
    pub data: Vec<f64>,
}

impl Tensor {
    /// A tensor without axes.
    #[must_use]
    pub fn scalar(value: f64) -> Self {
        Tensor { dims: Vec::new(), data: vec![value] }
    }

    /// A tensor of one number.
    #[must_use]
    pub fn filled(dims: Vec<usize>, value: f64) -> Self {
        let elements = dims.iter().product();
        Tensor { dims, data: vec![value; elements] }
    }
}

/// A tensor and the axes it lies along.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a> {
    pub shape: &'a [AxisId],
    pub tensor: &'a Tensor,
}

impl Operand<'_> {
    /// Where an axis stands. The shape rules have checked that it does.
    pub fn position(&self, axis: AxisId) -> usize {
        let at = self.shape.iter().position(|a| *a == axis);
        at.unwrap_or_else(|| unreachable!("the shape rule has checked that the axis is there"))
    }

    /// The sizes before an axis multiplied, its own, and those after it multiplied.
    pub fn around(&self, axis: AxisId) -> (usize, usize, usize) {
        let at = self.position(axis);
        let dims = &self.tensor.dims;
        (dims[..at].iter().product(), dims[at], dims[at + 1..].iter().product())
    }

    /// The same elements in another order of the axes; axes that are missing are broadcast.
    pub fn laid_out(&self, sizes: Sizes, shape: &[AxisId]) -> Tensor {
        let dims = sizes.dims(shape);
        let mut data = Vec::with_capacity(dims.iter().product());
        walk(&dims, [&sizes.strides(self.shape, shape)], |[at]| data.push(self.tensor.data[at]));
        Tensor { dims, data }
    }
}

/// The sizes of axes in one run.
#[derive(Clone, Copy)]
pub(crate) struct Sizes<'m> {
    pub module: &'m Module,
    pub batch: usize,
}

impl Sizes<'_> {
    /// The sizes of a shape.
    pub fn dims(self, shape: &[AxisId]) -> Vec<usize> {
        self.module.dims(shape, self.batch)
    }

    /// How many elements a shape has.
    pub fn elements(self, shape: &[AxisId]) -> usize {
        self.dims(shape).iter().product()
    }

    /// For each axis of `along`, how far apart neighbours are in a row-major tensor of this shape; 0 for an
    /// axis that the tensor lacks.
    pub fn strides(self, shape: &[AxisId], along: &[AxisId]) -> Vec<usize> {
        let stride = |axis: &AxisId| {
            let at = shape.iter().position(|a| a == axis)?;
            Some(self.elements(&shape[at + 1..]))
        };
        along.iter().map(|axis| stride(axis).unwrap_or(0)).collect()
    }
}

/// Goes through all positions of a box in row-major order and gives the offsets in several tensors, whose
/// strides along the box's axes are given.
pub(crate) fn walk<const N: usize>(
    dims: &[usize],
    strides: [&Vec<usize>; N],
    mut visit: impl FnMut([usize; N]),
) {
    if dims.contains(&0) {
        return;
    }
    let Some((inner, outer)) = dims.split_last() else {
        visit([0; N]);
        return;
    };
    let mut place = vec![0; outer.len()];
    let mut start = [0; N];
    loop {
        let mut at = start;
        for _ in 0..*inner {
            visit(at);
            for n in 0..N {
                at[n] += strides[n][outer.len()];
            }
        }
        let mut axis = outer.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            place[axis] += 1;
            for n in 0..N {
                start[n] += strides[n][axis];
            }
            if place[axis] < outer[axis] {
                break;
            }
            for n in 0..N {
                start[n] -= strides[n][axis] * outer[axis];
            }
            place[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_is_row_major() {
        let mut seen = Vec::new();
        walk(&[2, 3], [&vec![3, 1], &vec![0, 2]], |at| seen.push(at));
        assert_eq!(seen, [[0, 0], [1, 2], [2, 4], [3, 0], [4, 2], [5, 4]]);
    }

    #[test]
    fn a_walk_through_nothing_visits_nothing() {
        walk(&[2, 0], [&vec![0, 1]], |[_]| unreachable!("there is nothing to visit"));
        let mut count = 0;
        walk(&[], [&Vec::new()], |[_]| count += 1);
        assert_eq!(count, 1);
    }

    #[test]
    fn laying_out_transposes_and_broadcasts() {
        let mut module = Module::default();
        let (a, b) = (module.add_axis("A", 2), module.add_axis("B", 3));
        let c = module.add_axis("C", 2);
        let tensor = Tensor { dims: vec![2, 3], data: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] };
        let operand = Operand { shape: &[a, b], tensor: &tensor };
        let sizes = Sizes { module: &module, batch: 1 };
        let turned = operand.laid_out(sizes, &[b, c, a]);
        assert_eq!(turned.data, [0.0, 3.0, 0.0, 3.0, 1.0, 4.0, 1.0, 4.0, 2.0, 5.0, 2.0, 5.0]);
    }
}
