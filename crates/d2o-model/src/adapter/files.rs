//! Names of PEFT's files and of the tensors in them.

/// The file that holds the factors.
pub(crate) const WEIGHTS: &str = "adapter_model.safetensors";
/// The file that says how they are applied.
pub(crate) const CONFIG: &str = "adapter_config.json";
/// The note in the header of [`WEIGHTS`] that holds the base's sketch.
pub(crate) const SKETCH: &str = "d2o.base_sketch";

/// PEFT wraps the model twice.
pub(crate) const WRAPPED: &str = "base_model.model.";

/// Name of a factor's tensor in PEFT's files.
pub(crate) fn tensor_name(module: &str, factor: &str) -> String {
    format!("{WRAPPED}{module}.{factor}.weight")
}
