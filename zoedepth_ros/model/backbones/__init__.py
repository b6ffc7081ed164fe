"""Backbones, one family per module; only these modules import timm."""
