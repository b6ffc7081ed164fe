"""Images to feature maps, one family of backbones per file; nothing else knows timm."""
