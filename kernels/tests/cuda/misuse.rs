//! What the emulator must find: kernels that are wrong in ways that a GPU would not always show.

use crate::emulator::{Emulated, is_there};
use arch_kernels::print::cuda::Launch;

fn run(text: &str, block: u32, seed: u64) -> Result<Vec<f32>, String> {
    let mut words = vec![0f32.to_bits(); 64];
    let launch = Launch { grid: 1, block, shared: 0, dynamic: 0, local: 0 };
    let text = format!("extern \"C\" __global__ void wrong(float *a) {{\n{text}\n}}\n");
    let mut kernel = Emulated::of(&[("wrong", &text)]);
    kernel.launch("wrong", &launch, &[words.as_mut_ptr()], 1, seed)?;
    Ok(words.into_iter().map(f32::from_bits).collect())
}

fn found(text: &str, block: u32, wanted: &str) {
    if !is_there() {
        return;
    }
    for seed in 0..4 {
        let error = run(text, block, seed).expect_err(text);
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn barriers_that_not_all_threads_reach() {
    found(
        "if (threadIdx.x < 16) return; if (threadIdx.x < 40) __syncthreads(); else __syncwarp();",
        64,
        "not reached",
    );
    found("if (threadIdx.x < 32) __syncthreads();\nelse __syncthreads();", 64, "two different barriers");
}

#[test]
fn warp_operations_that_not_all_lanes_reach() {
    found("if (threadIdx.x < 20) a[threadIdx.x] = warp_sum(1.0f);\nelse __syncthreads();", 32, "never come");
    found("if (threadIdx.x < 20) __syncwarp();\nelse __syncwarp();", 32, "different warp operations");
    found("__shfl_sync(threadIdx.x < 16 ? 0xffffffffu : 0xffffu, 1.0f, 0);", 32, "mask");
}

#[test]
fn shared_memory_and_lanes_that_are_gone_read_as_poison() {
    if !is_there() {
        return;
    }
    for seed in 0..4 {
        let read = run(
            "__shared__ float s[32]; if (threadIdx.x > 0) s[threadIdx.x] = 1.0f; __syncwarp();\n\
                        a[threadIdx.x] = s[threadIdx.x];",
            32,
            seed,
        )
        .unwrap();
        assert!(read[0].is_nan() && read[1..32].iter().all(|x| *x == 1.0), "{read:?}");
        let read = run(
            "if (threadIdx.x == 31) return;\na[threadIdx.x] = __shfl_down_sync(ALL_LANES, 1.0f, 1);",
            32,
            seed,
        );
        let read = read.unwrap();
        assert!(read[30].is_nan() && read[..30].iter().all(|x| *x == 1.0), "{read:?}");
    }
}

#[test]
fn a_lane_that_does_not_wait_is_seen_in_some_order() {
    if !is_there() {
        return;
    }
    let text = |wait: &str| {
        format!(
            "__shared__ float s[32];\ns[threadIdx.x] = (float)threadIdx.x;\n{wait}\na[threadIdx.x] = s[31 - threadIdx.x];"
        )
    };
    let right = |seed| {
        let got = run(&text("__syncwarp();"), 32, seed).unwrap();
        (0..32).all(|i| got[i] == (31 - i) as f32)
    };
    assert!((0..4).all(right));
    let wrong = |seed| {
        let got = run(&text(""), 32, seed).unwrap();
        (0..32).any(|i| got[i].is_nan())
    };
    assert!((0..4).all(wrong), "half of the lanes read before others write, in any order");
}
