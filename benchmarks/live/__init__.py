"""A bank between real servers, for measurements that hurt it or wear it down."""
