"""The demo: a pretrained Transformer, fine-tuned on rated sentences, compressed in several ways and audited."""
