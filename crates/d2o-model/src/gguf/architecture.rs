//! The architectures that llama.cpp and Hugging Face both have: their names for the parts, and how rows lie.

use crate::config::Family;
use crate::weights::names;

/// What the two sides call an architecture and its parts.
#[derive(Debug)]
pub(super) struct Architecture {
    /// `general.architecture`, and the prefix of its metadata.
    pub(super) name: &'static str,
    /// Hugging Face's class.
    pub(super) class: &'static str,
    /// Hugging Face's name for the kind.
    pub(super) model_type: &'static str,
    /// What is written as this architecture; what is read is the class above.
    families: &'static [Family],
    /// Whether llama.cpp rotates neighbouring rows of queries and keys; Hugging Face rotates the two halves.
    pub(super) neighbours_rotate: bool,
    /// Tensors of a layer: llama.cpp's name, Hugging Face's.
    layer: &'static [(&'static str, &'static str)],
}

/// Tensors outside the layers.
const WHOLE: [(&str, &str); 3] = [
    ("token_embd.weight", names::EMBEDDING),
    ("output_norm.weight", names::FINAL_NORM),
    ("output.weight", names::HEAD),
];

/// Tensors of a layer of Llama, which the others share.
macro_rules! llama_layer {
    ($($more:expr),*) => {
        &[
            ("attn_q.weight", "self_attn.q_proj.weight"),
            ("attn_k.weight", "self_attn.k_proj.weight"),
            ("attn_v.weight", "self_attn.v_proj.weight"),
            ("attn_output.weight", "self_attn.o_proj.weight"),
            ("attn_norm.weight", "input_layernorm.weight"),
            ("ffn_norm.weight", "post_attention_layernorm.weight"),
            ("ffn_gate.weight", "mlp.gate_proj.weight"),
            ("ffn_up.weight", "mlp.up_proj.weight"),
            ("ffn_down.weight", "mlp.down_proj.weight"),
            $($more),*
        ]
    };
}

/// Every architecture that is read and written.
pub(super) const ALL: [Architecture; 4] = [
    Architecture {
        name: "llama",
        class: "LlamaForCausalLM",
        model_type: "llama",
        families: &[Family::Llama, Family::Mistral],
        neighbours_rotate: true,
        layer: llama_layer!(),
    },
    Architecture {
        name: "qwen2",
        class: "Qwen2ForCausalLM",
        model_type: "qwen2",
        families: &[Family::Qwen2],
        neighbours_rotate: false,
        layer: llama_layer!(
            ("attn_q.bias", "self_attn.q_proj.bias"),
            ("attn_k.bias", "self_attn.k_proj.bias"),
            ("attn_v.bias", "self_attn.v_proj.bias")
        ),
    },
    Architecture {
        name: "qwen3",
        class: "Qwen3ForCausalLM",
        model_type: "qwen3",
        families: &[Family::Qwen3],
        neighbours_rotate: false,
        layer: llama_layer!(
            ("attn_q_norm.weight", "self_attn.q_norm.weight"),
            ("attn_k_norm.weight", "self_attn.k_norm.weight")
        ),
    },
    Architecture {
        name: "smollm3",
        class: "SmolLM3ForCausalLM",
        model_type: "smollm3",
        families: &[Family::SmolLm3],
        neighbours_rotate: true,
        layer: llama_layer!(),
    },
];

/// The name and the place of a tensor on the other side.
#[derive(Debug, PartialEq)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) rows: Rows,
}

/// How the rows of a tensor are ordered in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rows {
    /// As in Hugging Face's layout.
    Same,
    /// By neighbours, in as many heads as there are of queries.
    Queries,
    /// By neighbours, in as many heads as there are of keys.
    Keys,
}

impl Architecture {
    /// By `general.architecture`.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|architecture| architecture.name == name)
    }

    /// As which a family is written.
    pub(super) fn of_family(family: Family) -> Option<&'static Self> {
        ALL.iter().find(|architecture| architecture.families.contains(&family))
    }

    /// A metadata key of this architecture.
    pub(super) fn key(&self, rest: &str) -> String {
        format!("{}.{rest}", self.name)
    }

    /// Hugging Face's place for a tensor of a file.
    pub(super) fn to_hf(&self, name: &str) -> Option<Place> {
        self.place(name, "blk.", &|(gguf, hf)| (gguf, hf), "model.layers.")
    }

    /// The file's place for a tensor in Hugging Face's names.
    pub(super) fn to_gguf(&self, name: &str) -> Option<Place> {
        self.place(name, "model.layers.", &|(gguf, hf)| (hf, gguf), "blk.")
    }

    fn place(
        &self,
        name: &str,
        prefix: &str,
        oriented: &dyn Fn((&'static str, &'static str)) -> (&'static str, &'static str),
        other_prefix: &str,
    ) -> Option<Place> {
        let find = |list: &[(&'static str, &'static str)], name: &str| {
            list.iter().map(|&pair| (oriented(pair), pair)).find(|((from, _), _)| *from == name)
        };
        if let Some(((_, to), _)) = find(&WHOLE, name) {
            return Some(Place { name: to.to_owned(), rows: Rows::Same });
        }
        let (number, rest) = name.strip_prefix(prefix)?.split_once('.')?;
        // Only one spelling of each number, so that no two tensors get the same name.
        let layer = number.parse::<usize>().ok().filter(|layer| layer.to_string() == number)?;
        let ((_, to), (gguf, _)) = find(self.layer, rest)?;
        Some(Place { name: format!("{other_prefix}{layer}.{to}"), rows: self.rows(gguf) })
    }

    fn rows(&self, gguf: &str) -> Rows {
        match gguf {
            _ if !self.neighbours_rotate => Rows::Same,
            "attn_q.weight" => Rows::Queries,
            "attn_k.weight" => Rows::Keys,
            _ => Rows::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for architecture in &ALL {
            let whole = WHOLE.iter().map(|(gguf, _)| (*gguf).to_owned());
            for gguf in whole.chain(architecture.layer.iter().map(|(gguf, _)| format!("blk.17.{gguf}"))) {
                let there = architecture.to_hf(&gguf).unwrap();
                let back = architecture.to_gguf(&there.name).unwrap();
                assert_eq!((back.name, back.rows), (gguf, there.rows), "{}", architecture.name);
            }
        }
    }

    #[test]
    fn a_number_has_one_spelling() {
        let llama = Architecture::named("llama").unwrap();
        assert_eq!(llama.to_hf("blk.0.attn_q.weight").unwrap().name, "model.layers.0.self_attn.q_proj.weight");
        assert_eq!(llama.to_hf("blk.00.attn_q.weight"), None);
        assert_eq!(llama.to_gguf("model.layers.+1.mlp.up_proj.weight"), None);
    }
}
