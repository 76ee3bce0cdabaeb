//! Between Burn's tensors and slices: possible on the processor's backend, feature `flex`.

#[cfg(feature = "flex")]
pub(crate) use flex::{Values, tensor, values};
#[cfg(feature = "flex")]
pub use flex::{is_on_cpu, is_untracked_on_cpu};
#[cfg(not(feature = "flex"))]
pub(crate) use nowhere::{Values, tensor, values};
#[cfg(not(feature = "flex"))]
pub use nowhere::{is_on_cpu, is_untracked_on_cpu};

#[cfg(feature = "flex")]
mod flex {
    use std::ops::Deref;

    use burn::backend::tensor::FloatTensor;
    use burn::backend::{DispatchTensorKind, Flex};
    use burn::tensor::{DType, Tensor, TensorData};

    /// The values of a contiguous tensor, row by row.
    #[derive(Clone)]
    pub(crate) struct Values(FloatTensor<Flex>);

    impl Deref for Values {
        type Target = [f32];

        fn deref(&self) -> &[f32] {
            self.0.as_slice::<f32>().expect("made contiguous, of f32")
        }
    }

    /// Whether the values of this tensor can be had as a slice: it is on the processor, untracked, f32.
    pub fn is_untracked_on_cpu<const D: usize>(tensor: &Tensor<D>) -> bool {
        tensor.dtype() == DType::F32 && matches!(tensor.clone().into_dispatch().kind, DispatchTensorKind::Flex(_))
    }

    /// Whether this tensor is on the processor and of f32, tracked or not: what the kernels take.
    pub fn is_on_cpu<const D: usize>(tensor: &Tensor<D>) -> bool {
        tensor.dtype() == DType::F32
            && match tensor.clone().into_dispatch().kind {
                DispatchTensorKind::Flex(_) => true,
                DispatchTensorKind::Autodiff(inner) => matches!(*inner, DispatchTensorKind::Flex(_)),
                #[allow(unreachable_patterns)]
                _ => false,
            }
    }

    /// The tensor's values, copied only if they do not lie row by row.
    ///
    /// # Panics
    /// If the tensor is not plain.
    pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Values {
        let tensor = tensor.try_into_primitive::<Flex>().expect("an untracked tensor on the processor");
        Values(if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() })
    }

    /// A plain tensor of these values, which are not copied.
    pub(crate) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_primitive::<Flex>(FloatTensor::<Flex>::from_data(TensorData::new(values, shape)))
    }
}

#[cfg(not(feature = "flex"))]
mod nowhere {
    use burn::tensor::Tensor;

    /// Whether the values of this tensor can be had as a slice: without the feature `flex`, never.
    pub fn is_untracked_on_cpu<const D: usize>(_: &Tensor<D>) -> bool {
        false
    }

    /// Whether the kernels take this tensor: without the feature `flex`, none.
    pub fn is_on_cpu<const D: usize>(_: &Tensor<D>) -> bool {
        false
    }

    /// The values of a tensor.
    pub(crate) type Values = Vec<f32>;

    pub(crate) fn values<const D: usize>(_: Tensor<D>) -> Values {
        panic!("slices need the feature `flex`")
    }

    pub(crate) fn tensor<const D: usize>(_: Vec<f32>, _: [usize; D]) -> Tensor<D> {
        panic!("slices need the feature `flex`")
    }
}
