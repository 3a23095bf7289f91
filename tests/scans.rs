//! The scans alone against the public reference code: the selective scan with all of its options, real and
//! complex, and the state-space dual.

mod common;

use common::{Tensor, Tensors, agree, archc, fixture, folder, manifest, read, write};

/// What a case has of one tensor set: names without the prefix.
fn part(tensors: &Tensors, prefix: &str) -> Tensors {
    tensors.iter().filter_map(|(n, t)| Some((n.strip_prefix(prefix)?.to_string(), t.clone()))).collect()
}

/// Complex tensors as the item has them: real parts, then imaginary ones; parameters one below the other, states
/// along an axis behind the samples.
fn joined(tensors: Tensors) -> Tensors {
    let mut out = Tensors::new();
    for (name, t) in &tensors {
        let Some(base) = name.strip_suffix(".real") else {
            if !name.ends_with(".imag") {
                out.insert(name.clone(), t.clone());
            }
            continue;
        };
        let imaginary = &tensors[&format!("{base}.imag")];
        let mut shape = t.shape.clone();
        // What is [samples, channels, states] gets its axis behind the samples.
        let samples = if shape.len() == 3 { shape[0] } else { 1 };
        let each = t.data.len() / samples;
        let parts = t.data.chunks(each).zip(imaginary.data.chunks(each));
        let data = parts.flat_map(|(re, im)| re.iter().chain(im)).copied().collect();
        match shape.len() {
            3 => shape.insert(1, 2),
            _ => shape[0] *= 2,
        }
        out.insert(base.to_string(), Tensor::floats(&shape, data));
    }
    out
}

/// The tensor with one more axis of size 1 behind the samples.
fn with_axis(t: &Tensor) -> Tensor {
    let mut shape = t.shape.clone();
    shape.insert(1, 1);
    Tensor::floats(&shape, t.data.clone())
}

/// Runs an item on weights and inputs and compares everything that is wanted.
fn hold(what: &str, words: &str, tensors: (Tensors, Tensors), wanted: &Tensors) {
    let dir = folder();
    let path = |name: &str| dir.path().join(name);
    write(&path("weights"), &tensors.0);
    write(&path("inputs"), &tensors.1);
    let paths =
        [("--weights", path("weights")), ("--inputs", path("inputs")), ("--outputs", path("outputs"))];
    archc(words, &paths).fine();
    agree(what, &read(&path("outputs")), wanted, (2e-5, 2e-4));
}

/// The settings of a variant of the selective scan; what the manifest does not say is on.
fn settings(options: &serde_json::Value) -> String {
    let on = |key: &str, default: bool| options[key].as_bool().unwrap_or(default);
    format!(
        "--set delta_softplus={} --set has_z={} --set has_D={} --set has_delta_bias={} --set variable_B={} \
         --set variable_C={} --set complex={} --set groups={}",
        on("delta_softplus", false),
        on("z", true),
        on("D", true),
        on("bias", true),
        on("varB", true),
        on("varC", true),
        on("complex", false),
        options["G"].as_u64().unwrap_or(1),
    )
}

/// One variant of the selective scan in one form.
fn selective_scan(variant: &str, form: &str) {
    let case = "mamba_selective_scan";
    let config = manifest(case)["config"].clone();
    let options = &config["variants"][variant];
    assert!(options.is_object(), "the manifest has {variant}");
    let prefix = format!("{variant}.");
    let tensors = |file: &str| joined(part(&read(&fixture(case, file)), &prefix));
    // B and C that vary are inputs, by group; one group has no axis of its own in the public layout.
    let varying = |name: &str, t: &Tensor| ["B", "C"].contains(&name) && t.shape[0] == 2 && t.shape.len() > 2;
    let grouped = |name: &str, t: &Tensor| match varying(name, t) && t.shape.len() == 3 {
        true => with_axis(t),
        false => t.clone(),
    };
    let (mut weights, mut inputs) = (Tensors::new(), Tensors::new());
    for (name, t) in tensors("inputs.safetensors") {
        match name.as_str() {
            "dout" => _ = inputs.insert("out.grad".into(), t),
            "u" | "delta" | "z" => _ = inputs.insert(name, t),
            _ if varying(&name, &t) => _ = inputs.insert(name.clone(), grouped(&name, &t)),
            _ => _ = weights.insert(name, t),
        }
    }
    let mut wanted: Tensors = tensors("grads.safetensors")
        .into_iter()
        .map(|(name, t)| (format!("grad.{name}"), grouped(&name, &t)))
        .collect();
    assert_eq!(wanted.len(), weights.len() + inputs.len() - 1, "every tensor has its gradient");
    for (name, t) in tensors("outputs.safetensors") {
        // Real states have the axis of complex pairs, too, with one entry.
        let pairs = t.shape.len() == 4 || name != "last_state";
        wanted.insert(name, if pairs { t } else { with_axis(&t) });
    }
    let dims = "--dim E=8 --dim N=4";
    let words = format!(
        "run models/mamba.arch --item SelectiveScan {dims} {} --grad --form {form}",
        settings(options)
    );
    hold(&format!("{variant} in the {form} form"), &words, (weights, inputs), &wanted);
}

/// The dual with one length of a chunk, from a state of zeros or from a given one.
fn dual(chunk: usize, begun: bool, form: &str) {
    let case = "mamba2_ssd";
    let mut inputs = read(&fixture(case, "inputs.safetensors"));
    let start = inputs.remove("initial_states").expect("the states to begin with");
    if begun {
        let shape = [&start.shape[..1], &start.shape[2..]].concat();
        inputs.insert("initial_states".into(), Tensor::floats(&shape, start.data));
    }
    let gradient = inputs.remove("dout").expect("the gradient to begin with");
    inputs.insert("y.grad".into(), gradient);
    let weights = Tensors::from([("A".to_string(), inputs.remove("A").expect("the decay"))]);
    // The reference was run with these lengths; it differentiated the shortest, and others agree with it.
    let outputs = read(&fixture(case, "outputs.safetensors"));
    let known = if [8, 16, 48].contains(&chunk) { chunk } else { 8 };
    let mut wanted = part(&outputs, &format!("block{known}{}.", if begun { "_init" } else { "" }));
    let gradients = read(&fixture(case, "grads.safetensors"));
    for (name, t) in part(&gradients, if begun { "init." } else { "noinit." }) {
        let t = if name == "initial_states" {
            let shape = [&t.shape[..1], &t.shape[2..]].concat();
            Tensor::floats(&shape, t.data)
        } else {
            t
        };
        wanted.insert(format!("grad.{name}"), t);
    }
    let words = format!(
        "run models/mamba.arch --item SSD --dim H=3 --dim P=5 --dim N=4 --set block_len={chunk} \
         --set has_initial_states={begun} --grad --form {form}"
    );
    hold(&format!("chunks of {chunk} in the {form} form"), &words, (weights, inputs), &wanted);
}

macro_rules! selective_scans {
    ($($variant:ident)*) => {
        $(#[test]
        #[allow(non_snake_case)]
        fn $variant() {
            for form in ["executing", "interpreter", "primitive"] {
                selective_scan(stringify!($variant), form);
            }
        })*

        #[test]
        fn every_variant_is_tried() {
            let all = manifest("mamba_selective_scan")["config"]["variants"].clone();
            let tried = [$(stringify!($variant)),*];
            assert_eq!(tried.len(), all.as_object().expect("variants by name").len());
        }
    };
}

selective_scans! {
    z_D_bias_softplus no_z plain no_softplus_bias const_BC const_B_var_C grouped2 complex_const_BC complex_var_BC
}

#[test]
fn the_dual_whatever_the_length_of_a_block() {
    for chunk in [8, 48] {
        dual(chunk, false, "executing");
    }
    dual(16, false, "interpreter");
    dual(16, false, "primitive");
}

#[test]
fn the_dual_from_a_given_state() {
    for chunk in [8, 48] {
        dual(chunk, true, "executing");
    }
    dual(8, true, "interpreter");
    dual(8, true, "primitive");
}
