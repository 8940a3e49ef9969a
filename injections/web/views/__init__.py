"""Views: translate, one domain call, translate back."""
