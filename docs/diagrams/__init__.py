"""The drawings of docs/architecture.md, made from the JSON files beside this one.

python -m docs.diagrams            draws all
python -m docs.diagrams --check    says which are not what their data say
"""
