//! Numbers as GGML's types hold them, for files that are written here.

use half::{bf16, f16};

use crate::ggml_type::GgmlType;

/// The bytes of `values` in rows of whole blocks.
///
/// # Errors
/// The first finite value that the type cannot hold.
///
/// # Panics
/// If `ggml_type` is a type that is only read.
pub(crate) fn quantize(ggml_type: GgmlType, values: &[f32]) -> Result<Vec<u8>, f32> {
    let half = |number: fn(f32) -> (bool, [u8; 2])| {
        let encoded = values.iter().map(|&value| match number(value) {
            (true, _) if value.is_finite() => Err(value),
            (_, bytes) => Ok(bytes),
        });
        Ok(encoded.collect::<Result<Vec<_>, f32>>()?.concat())
    };
    match ggml_type {
        GgmlType::F32 => Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        GgmlType::F16 => half(|value| {
            let number = f16::from_f32(value);
            (number.is_infinite(), number.to_le_bytes())
        }),
        GgmlType::Bf16 => half(|value| {
            let number = bf16::from_f32(value);
            (number.is_infinite(), number.to_le_bytes())
        }),
        GgmlType::Q8_0 => {
            Ok(values.chunks_exact(ggml_type.block_len()).map(eight_bits).collect::<Result<Vec<_>, f32>>()?.concat())
        }
        other => unreachable!("{} is not written", other.name()),
    }
}

/// A block of Q8_0: the scale `d = max|x| / 127` in half precision, then `round(x / d)` with the scale before
/// it was rounded, halves away from zero: GGML's reference, bit by bit.
fn eight_bits(values: &[f32]) -> Result<Vec<u8>, f32> {
    let largest = values.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    let d = largest / 127.0;
    let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
    let scale = f16::from_f32(d);
    if scale.is_infinite() {
        return Err(largest);
    }
    let mut bytes = scale.to_le_bytes().to_vec();
    bytes.extend(values.iter().map(|value| ((value * inverse).round() as i8).cast_unsigned()));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bits_keep_multiples_of_the_scale() {
        // The largest is 127/64, so d = 1/64 and every multiple of it is kept.
        let values: Vec<f32> = (0..32).map(|i| (i * 8 - 121) as f32 / 64.0).collect();
        assert_eq!(values[31], 127.0 / 64.0);
        let bytes = quantize(GgmlType::Q8_0, &values).unwrap();
        assert_eq!(bytes.len(), 34);
        assert_eq!(GgmlType::Q8_0.dequantize(&bytes), values);
        assert_eq!(GgmlType::Q8_0.dequantize(&quantize(GgmlType::Q8_0, &[0.0; 32]).unwrap()), [0.0; 32]);
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        let mut values = vec![0.0; 32];
        (values[0], values[1], values[2]) = (127.0, 0.5, -0.5);
        let bytes = quantize(GgmlType::Q8_0, &values).unwrap();
        assert_eq!(GgmlType::Q8_0.dequantize(&bytes)[..3], [127.0, 1.0, -1.0]);
    }

    #[test]
    fn what_a_type_cannot_hold_is_said() {
        // The largest half-precision number is 65504.
        assert_eq!(quantize(GgmlType::F16, &[1.0, 65_504.0, 1e6]), Err(1e6));
        assert!(quantize(GgmlType::F32, &[1e38]).is_ok() && quantize(GgmlType::Bf16, &[1e38]).is_ok());
        // An infinity that was there before is kept.
        assert!(quantize(GgmlType::F16, &[f32::INFINITY]).is_ok());
        assert_eq!(quantize(GgmlType::Q8_0, &[1e9; 32]), Err(1e9));
    }
}
