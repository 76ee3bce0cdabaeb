//! Every instruction set and any number of threads.

use super::*;

#[test]
fn every_instruction_set_gives_the_same_to_rounding() {
    let (x, w, dy) = (noise(70 * 33, 1), noise(33, 2), noise(70 * 33, 3));
    let norm_at = |level| {
        let (y, inverses) = norm::forward(level, &x, &w, 1e-5);
        let mut dx = dy.clone();
        let dw = norm::backward(level, &x, &w, &inverses, &mut dx);
        [y, dx, dw].concat()
    };
    let gate_at = |level| {
        let mut gradient = dy.clone();
        let up = gated::backward(level, &x, &dy, &mut gradient);
        [gated::forward(level, &x, &dy), gradient, up].concat()
    };
    let rotary_at = |level| {
        let mut x = x.clone();
        rotary::rotate(level, &mut x, 11, &rotary_tables(70, 6), false);
        x
    };
    let attention_at = |level| attention_slices(level).concat();
    let head_at = |level| {
        let targets: Vec<usize> = (0..70).map(|row| row % 19).collect();
        let head = Head {
            level,
            hidden: &x,
            weights: &dy[..33 * 19],
            layout: WeightLayout::Straight,
            products: Products::F32,
            targets: &targets,
            chunk: 9,
        };
        let scored = head.forward(Wanted { hidden: true, weights: true });
        let gradients = scored.gradients.expect("wanted").to_vec();
        let weights = head.weight_gradient(&scored.sums, None, &dy[..70]);
        [scored.log_probs, gradients, weights].concat()
    };
    type Kernel<'a> = (&'a str, &'a dyn Fn(Level) -> Vec<f32>);
    let kernels: [Kernel<'_>; 5] = [
        ("norm", &norm_at),
        ("gate", &gate_at),
        ("rotary", &rotary_at),
        ("attention", &attention_at),
        ("head", &head_at),
    ];
    for (name, kernel) in kernels {
        let portable = kernel(Level::all()[0]);
        for level in Level::all() {
            assert_close(&kernel(level), &portable, 1e-5, &format!("{name}, {}", level.name()));
        }
        let best = Level::best();
        let alone = on_threads(1, || Arc::new(kernel_on(name, best)));
        for threads in [2, 3, 8] {
            let together = on_threads(threads, || Arc::new(kernel_on(name, best)));
            assert!(alone == together, "{name}: {threads} threads change bits");
        }
    }
}

fn attention_slices(level: Level) -> [Vec<f32>; 5] {
    let spans = spans();
    let tokens = spans.tokens();
    let (q, kv) = (tokens * HEADS.queries * HEADS.dim, tokens * HEADS.kv * HEADS.dim);
    let (queries, keys, values, gradient) = (noise(q, 1), noise(kv, 2), noise(kv, 3), noise(q, 4));
    let inputs = Inputs { queries: &queries, keys: &keys, values: &values };
    let (output, sums) = attention::forward(level, inputs, HEADS, &spans);
    let results = Results { output: &output, sums: &sums, gradient: &gradient };
    let [dq, dk, dv] = attention::backward(level, inputs, results, HEADS, &spans);
    [output, sums, dq, dk, dv]
}

/// The kernels whose work is split among threads, on larger inputs.
fn kernel_on(name: &str, level: Level) -> Vec<f32> {
    let (x, w) = (noise(1000 * 48, 1), noise(48, 2));
    match name {
        "norm" => {
            let (y, inverses) = norm::forward(level, &x, &w, 1e-5);
            let mut dx = y;
            let dw = norm::backward(level, &x, &w, &inverses, &mut dx);
            [dx, dw].concat()
        }
        "gate" => {
            let mut gradient = x.clone();
            let up = gated::backward(level, &x, &x, &mut gradient);
            [gradient, up].concat()
        }
        "rotary" => {
            let mut x = x;
            rotary::rotate(level, &mut x, 24, &rotary_tables(1000, 24), true);
            x
        }
        "attention" => attention_slices(level).concat(),
        _ => {
            let targets: Vec<usize> = (0..1000).map(|row| row % 500).collect();
            let weights = noise(48 * 500, 3);
            let head = Head {
                level,
                hidden: &x,
                weights: &weights,
                layout: WeightLayout::Transposed,
                products: Products::F32,
                targets: &targets,
                chunk: 128,
            };
            let scored = head.forward(Wanted { hidden: true, weights: false });
            [scored.log_probs, head.weight_gradient(&scored.sums, None, &x[..1000])].concat()
        }
    }
}
