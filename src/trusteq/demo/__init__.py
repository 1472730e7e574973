"""The demo: a pretrained Transformer fine-tuned on the spot on rated sentences, compressed several ways and audited."""
