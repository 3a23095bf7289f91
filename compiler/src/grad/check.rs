//! Holds gradients against differences of the interpreter's results, on random numbers.

use super::value_and_grad;
use crate::graph::{DType, FuncId, Module, print, verify};
use crate::interp::{Tensor, run};
use std::collections::BTreeMap;

/// Random numbers that are the same in every run (splitmix64).
pub(crate) struct Numbers(pub u64);

impl Numbers {
    /// Evenly distributed between two bounds.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        low + (high - low) * ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A tensor of such numbers.
    pub fn tensor(&mut self, dims: Vec<usize>, low: f64, high: f64) -> Tensor {
        let elements = dims.iter().product();
        Tensor { dims, data: (0..elements).map(|_| self.between(low, high)).collect() }
    }

    /// An input for every input of a function. Integers are 0, 1 or 2 and truth values random; floats lie
    /// between the bounds given for their name, else between -1.5 and 1.5.
    pub fn inputs(&mut self, module: &Module, id: FuncId, batch: usize, bounds: Bounds) -> Inputs {
        let function = module.function(id);
        let one = |input: &crate::graph::Input| {
            let value = function.value(input.value);
            let dims = module.dims(&value.shape, batch);
            let own = bounds.iter().find(|b| b.0 == input.name);
            let (low, high) = own.map_or((-1.5, 1.5), |b| (b.1, b.2));
            let mut tensor = match value.storage {
                DType::F32 | DType::BF16 => self.tensor(dims, low, high),
                DType::Int => self.tensor(dims, 0.0, 3.0),
                DType::Bool => self.tensor(dims, 0.0, 2.0),
            };
            if !value.storage.is_float() {
                tensor.data.iter_mut().for_each(|x| *x = x.floor());
            }
            (input.name.clone(), tensor)
        };
        function.inputs.iter().map(one).collect()
    }
}

/// Inputs by name.
pub(crate) type Inputs = BTreeMap<String, Tensor>;

/// Bounds of the random numbers of an input, by name.
pub(crate) type Bounds<'a> = &'a [(&'a str, f64, f64)];

/// Checks the gradients of all float inputs of a function: element by element against central differences,
/// and in a random direction (the dot-product test). Batches of one, and of three.
pub(crate) fn check(module: &Module, function: FuncId, bounds: Bounds) {
    if let Err(message) = gradients_agree(module, function, bounds) {
        panic!("{message}");
    }
}

/// As [`check`], with a message where the gradients are wrong.
pub(crate) fn gradients_agree(module: &Module, function: FuncId, bounds: Bounds) -> Result<(), String> {
    verify(module).map_err(|e| e.to_string())?;
    let mut derived = module.clone();
    let source = module.function(function);
    let floats: Vec<&str> = source
        .inputs
        .iter()
        .filter(|i| source.value(i.value).storage.is_float())
        .map(|i| i.name.as_str())
        .collect();
    let both = value_and_grad(&mut derived, function, &floats).map_err(|e| e.to_string())?;
    verify(&derived).map_err(|e| format!("{e}\n{}", print(&derived)))?;
    for (batch, seed) in [(1, 11), (3, 12)] {
        let mut numbers = Numbers(seed);
        let inputs = numbers.inputs(module, function, batch, bounds);
        let weights = numbers.inputs(&derived, both, batch, &[]);
        let mut given = inputs.clone();
        given.extend(weights.into_iter().filter(|(name, _)| !inputs.contains_key(name)));
        let results = run(&derived, both, &given, batch).map_err(|e| e.to_string())?;
        let plain = run(module, function, &inputs, batch).map_err(|e| e.to_string())?;
        if results.outputs[..plain.outputs.len()] != plain.outputs[..] {
            return Err(format!("the results change\n{}", print(&derived)));
        }
        let loss = |inputs: &Inputs| -> Result<f64, String> {
            let results = run(module, function, inputs, batch).map_err(|e| e.to_string())?;
            let dot = |(name, y): &(String, Tensor)| {
                let weights = given.get(&format!("{name}.grad"));
                weights.map_or(0.0, |w| w.data.iter().zip(&y.data).map(|(w, y)| w * y).sum())
            };
            Ok(results.outputs.iter().map(dot).sum())
        };
        let gradient = |name: &str| results.output(&format!("grad.{name}")).cloned();
        let gradients: Inputs =
            floats.iter().filter_map(|name| Some(((*name).to_owned(), gradient(name)?))).collect();
        differences(&inputs, &gradients, &loss, &mut numbers)
            .map_err(|e| format!("batch {batch}: {e}\n{}", print(&derived)))?;
    }
    Ok(())
}

fn differences(
    inputs: &Inputs,
    gradients: &Inputs,
    loss: &dyn Fn(&Inputs) -> Result<f64, String>,
    numbers: &mut Numbers,
) -> Result<(), String> {
    const STEP: f64 = 2e-5;
    let slope = |direction: &Inputs| -> Result<f64, String> {
        let moved = |by: f64| {
            let mut moved = inputs.clone();
            for (name, along) in direction {
                let tensor = moved.get_mut(name).ok_or("an input is missing")?;
                tensor.data.iter_mut().zip(&along.data).for_each(|(x, d)| *x += by * d);
            }
            loss(&moved)
        };
        Ok((moved(STEP)? - moved(-STEP)?) / (2.0 * STEP))
    };
    let mut everywhere = Inputs::new();
    let mut expected = 0.0;
    for (name, gradient) in gradients {
        if gradient.dims != inputs[name].dims {
            return Err(format!("grad.{name} has the sizes {:?}", gradient.dims));
        }
        let scale = gradient.data.iter().fold(1e-2_f64, |most, g| most.max(g.abs()));
        let count = gradient.data.len();
        for round in 0..count.min(9) {
            // All elements of small tensors, a sample of those of large ones.
            let at = if count <= 9 { round } else { numbers.between(0.0, count as f64) as usize };
            let mut one = Tensor::filled(gradient.dims.clone(), 0.0);
            one.data[at] = 1.0;
            let found = slope(&BTreeMap::from([(name.clone(), one)]))?;
            let given = gradient.data[at];
            if (found - given).abs().partial_cmp(&(1e-6 * scale)) != Some(std::cmp::Ordering::Less) {
                return Err(format!("grad.{name}[{at}] is {given}, but differences give {found}"));
            }
        }
        let direction = numbers.tensor(gradient.dims.clone(), -1.0, 1.0);
        expected += direction.data.iter().zip(&gradient.data).map(|(v, g)| v * g).sum::<f64>();
        everywhere.insert(name.clone(), direction);
    }
    let found = slope(&everywhere)?;
    if (found - expected).abs() > 1e-6 * found.abs().max(1.0) {
        return Err(format!("in a random direction differences give {found}, the gradients {expected}"));
    }
    Ok(())
}
