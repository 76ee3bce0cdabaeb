//! Tensors that no model can have: without values, or with ones that are no numbers.

use std::path::Path;

use super::build::HostTensor;
use crate::error::ModelError;

/// Refuses a tensor without values, and one that holds NaN or an infinity.
///
/// # Errors
/// [`ModelError::Tensor`] naming the tensor and the first such place.
pub(crate) fn refuse_unusable(path: &Path, name: &str, tensor: &HostTensor) -> Result<(), ModelError> {
    let HostTensor { shape, values } = tensor;
    let refuse = |problem: String, remedy: &'static str| {
        Err(ModelError::Tensor { path: path.to_path_buf(), name: name.to_owned(), problem, remedy })
    };
    if values.is_empty() {
        let remedy = "DeepSpeed ZeRO-3 saves such shells where weights are not gathered: save again with \
                      stage3_gather_16bit_weights_on_model_save, or gather them with zero_to_fp32.py";
        return refuse(format!("is empty (shape {shape:?})"), remedy);
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => {
            let remedy = "training diverged, or the file is damaged: take an earlier checkpoint, or fetch it again";
            let count = values.iter().filter(|value| !value.is_finite()).count();
            let first = format!("{} at {:?}", values[index], place(index, shape));
            refuse(format!("holds numbers that are not finite: {first} and {} more", count - 1), remedy)
        }
        None => Ok(()),
    }
}

/// Where value `index` of a tensor stands, one number for each dimension.
fn place(index: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = index;
    let mut place: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&size| {
            let at = rest % size;
            rest /= size;
            at
        })
        .collect();
    place.reverse();
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_is_told() {
        let said = |shape: &[usize], values: Vec<f32>| {
            let tensor = HostTensor { shape: shape.to_vec(), values };
            refuse_unusable(Path::new("m"), "x", &tensor).map_err(|error| error.to_string())
        };
        let mut values = vec![0.0; 6];
        assert_eq!(said(&[2, 3], values.clone()), Ok(()));
        (values[5], values[4]) = (f32::INFINITY, f32::NAN);
        // Value 4 of two rows of three is the second one's second.
        let expected = "m: tensor `x` holds numbers that are not finite: NaN at [1, 1] and 1 more";
        assert_eq!(said(&[2, 3], values), Err(expected.to_owned()));
        assert_eq!(said(&[0], Vec::new()), Err("m: tensor `x` is empty (shape [0])".to_owned()));
    }
}
