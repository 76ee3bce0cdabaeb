//! Products against their definition, every level against the portable code, any number of threads.

use super::{Left, Right, multiply, rounded};
use crate::cpu::level::Level;
use crate::cpu::matrix::{Output, View};
use crate::testing::{assert_close, noise, on_threads};

/// `[rows, inner, columns]`: single numbers, odd sizes, parts of tiles and panels, several blocks and tasks.
const SHAPES: [[usize; 3]; 8] =
    [[1, 1, 1], [3, 7, 50], [9, 32, 48], [17, 65, 131], [33, 16, 16], [130, 16, 400], [20, 1999, 70], [300, 64, 33]];

/// `A B` and twice that, each factor as it lies or transposed.
fn products(level: Level, [rows, inner, columns]: [usize; 3], turned: [bool; 2]) -> Vec<f32> {
    let (x, w) = (noise(rows * inner, 1), noise(inner * columns, 2));
    let transposed = |values: &[f32], rows: usize, columns: usize| -> Vec<f32> {
        (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
    };
    let (x_turned, w_turned) = (transposed(&x, rows, inner), transposed(&w, inner, columns));
    let a = if turned[0] { View::new(&x_turned, inner, rows, rows).t() } else { View::new(&x, rows, inner, inner) };
    let b = if turned[1] {
        View::new(&w_turned, columns, inner, inner).t()
    } else {
        View::new(&w, inner, columns, columns)
    };
    let (a, b) = (Left::pack(level, a), Right::pack(level, b));
    let mut result = vec![1.0; rows * columns];
    multiply(&mut result, &a, &b, Output::Overwrite);
    let once = result.clone();
    multiply(&mut result, &a, &b, Output::Accumulate);
    [once, result].concat()
}

/// The product of the rounded factors, in f64.
fn by_definition([rows, inner, columns]: [usize; 3]) -> Vec<f32> {
    let (x, w) = (noise(rows * inner, 1), noise(inner * columns, 2));
    let exact = |row: usize, column: usize| -> f64 {
        let factor = |value: f32| f64::from(rounded(value));
        (0..inner).map(|at| factor(x[row * inner + at]) * factor(w[at * columns + column])).sum()
    };
    (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))).map(|(r, c)| exact(r, c) as f32).collect()
}

#[test]
fn products_equal_their_definition_at_every_level_and_either_way_round() {
    for shape in SHAPES {
        let once = by_definition(shape);
        let expected = [once.clone(), once.iter().map(|value| 2.0 * value).collect()].concat();
        for level in Level::all() {
            let straight = products(level, shape, [false, false]);
            // Factors between −1 and 1, sums of up to 1,999 products in f32.
            assert_close(&straight, &expected, 2e-4, level.name());
            for turned in [[true, false], [false, true], [true, true]] {
                assert_eq!(straight, products(level, shape, turned), "{} {shape:?} {turned:?}", level.name());
            }
        }
    }
}

#[test]
fn a_row_depends_on_neither_its_company_nor_the_threads() {
    let [rows, inner, columns] = [300, 1030, 500];
    let (x, w) = (noise(rows * inner, 3), noise(inner * columns, 4));
    for level in Level::all() {
        let right = Right::pack(level, View::new(&w, inner, columns, columns));
        let product = |first: usize, count: usize| {
            let left = Left::pack(level, View::new(&x[first * inner..], count, inner, inner));
            let mut result = vec![0.0; count * columns];
            multiply(&mut result, &left, &right, Output::Overwrite);
            result
        };
        let all = on_threads(1, || product(0, rows));
        assert_eq!(all, on_threads(3, || product(0, rows)), "{}", level.name());
        for row in [0, 7, 131, 299] {
            assert_eq!(product(row, 1), all[row * columns..(row + 1) * columns], "{}", level.name());
        }
    }
}

#[test]
fn nothing_multiplied_is_zero() {
    for level in Level::all() {
        let (a, b) = (Left::pack(level, View::new(&[], 2, 0, 0)), Right::pack(level, View::new(&[], 0, 3, 3)));
        let mut result = [1.0; 6];
        multiply(&mut result, &a, &b, Output::Overwrite);
        assert_eq!(result, [0.0; 6], "{}", level.name());
        multiply(
            &mut [],
            &Left::pack(level, View::new(&[], 0, 4, 4)),
            &Right::pack(level, View::new(&[0.0; 12], 4, 3, 3)),
            Output::Overwrite,
        );
    }
}

#[test]
fn what_is_not_finite_stays_so() {
    for level in Level::all() {
        let x = [f32::NAN, 1.0, f32::INFINITY, 1.0];
        let (a, b) = (Left::pack(level, View::new(&x, 2, 2, 2)), Right::pack(level, View::new(&[1.0; 2], 2, 1, 1)));
        let mut result = [0.0; 2];
        multiply(&mut result, &a, &b, Output::Overwrite);
        assert!(result[0].is_nan() && result[1] == f32::INFINITY, "{}: {result:?}", level.name());
    }
}

/// All tests above run AMX, too, where it is; this one is listed as left out where it may not be.
#[test]
#[ignore = "needs a processor with AMX; with one, `-- --ignored` runs it"]
fn amx_multiplies_like_the_portable_code() {
    let amx = Level::best();
    assert_eq!(amx.name(), "amx-bf16");
    for shape in SHAPES {
        let portable = products(Level::all()[0], shape, [false, false]);
        assert_close(&products(amx, shape, [false, false]), &portable, 2e-4, "AMX");
    }
}
