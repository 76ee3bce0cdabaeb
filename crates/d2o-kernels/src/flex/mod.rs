//! The operations as Burn's autodiff sees them: forward on slices, backward written by hand.

pub(crate) mod attention;
pub(crate) mod gated;
pub(crate) mod head;
pub(crate) mod linear;
pub(crate) mod norm;
pub(crate) mod rotary;

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{Shape, TensorData};

/// A tensor of the processor's backend.
type FlexTensor = FloatTensor<Flex>;

/// Row by row and from the start; a copy only where it does not lie so.
fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() }
}

/// The values of a contiguous tensor.
fn slice(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().expect("made contiguous, of f32")
}

/// A tensor whose storage holds its values and nothing else, to be overwritten; copied when somebody else
/// holds it too.
fn owned(tensor: FlexTensor) -> FlexTensor {
    let whole = tensor.as_slice::<f32>().is_some_and(|values| size_of_val(values) == tensor.bytes().len());
    if whole { tensor } else { tensor.to_contiguous() }
}

/// A tensor of these values.
fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
